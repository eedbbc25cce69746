"""The pods of charts are ready in a lab within seconds, though it has none of their images."""

from __future__ import annotations

import pytest

from tests.charts.corpus import CHARTS
from tests.charts.installing import Chart

WITHIN = 10.0
IN_THE_SUITE = ("database", "identity")
HELD_BACK = {"refused": ["statefulsets/lost"]}  # its template mounts what is not there
"""What is not ready on a cluster, either."""
AS_IT_COMES = {"batch": ["ledger-test"]}  # a known image runs: it asks what may be ready by then
"""What is ready or not by the order in which pods start, on a cluster, too."""
REFUSED = {"legacy", "monitoring", "refused"}
"""Charts that hold what no server takes, misspelt fields apart."""

pytestmark = pytest.mark.lab


@pytest.fixture
def installed(lab, request):
    chart = Chart(lab.kubeconfig, request.param)
    chart.install()
    yield chart
    chart.remove()


@pytest.mark.parametrize(
    "installed",
    [c if c in IN_THE_SUITE else pytest.param(c, marks=pytest.mark.nightly) for c in CHARTS],
    indirect=True,
)
def test_a_chart_is_ready_within_ten_seconds(installed, request):
    name = request.node.callspec.params["installed"]
    seconds = installed.seconds_until_ready(WITHIN)
    print(f"{name}: {len(installed.pods())} pods in {seconds:.1f} s")
    unready = [each for each in installed.unready() if each not in AS_IT_COMES.get(name, [])]
    assert unready == HELD_BACK.get(name, [])
    assert bool(installed.refused) == (name in REFUSED)
