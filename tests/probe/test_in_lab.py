"""What is tested on real clusters, in a lab: the same table of signals, the same debug pods."""

import pytest

from npol_lab.session import Lab
from tests.live.conftest import Target
from tests.live.probe.conftest import place  # noqa: F401 - a fixture
from tests.live.probe.test_signals import (  # noqa: F401 - fixtures and tests
    scene,
    test_a_service_without_endpoints_does_not_answer,
    test_a_source_that_may_send_nothing_hears_nothing_but_itself,
    test_agnhost_is_asked_even_without_a_shell,
    test_an_image_without_a_shell_or_tools_gives_errors_that_say_so,
    test_each_row_of_the_table_has_its_outcome,
    test_the_prober_knows_the_pod_it_is_in,
)
from tests.live.probe.test_sources import (  # noqa: F401 - fixtures and tests
    app,
    test_a_debug_pod_that_admission_refuses_is_reported_in_its_words,
    test_a_debug_pod_that_was_deleted_is_made_anew,
    test_a_pod_of_a_workload_is_asked_from,
    test_a_service_that_publishes_what_is_not_ready_is_refused,
    test_a_source_that_is_deleted_in_the_middle_gives_errors,
    test_a_successor_of_that_name_does_not_answer_for_it,
    test_debug_deployments_are_found_and_deleted_too,
    test_debug_pods_with_an_applications_labels_get_no_traffic_of_its_service,
    test_placement_follows_the_target,
)

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def target():
    with Lab.start() as lab:
        yield Target(str(lab.kubeconfig), lab.context)
