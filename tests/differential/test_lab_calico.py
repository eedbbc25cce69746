"""The evaluator and the lab's packets agree where Calico's own kinds stand beside all others."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.differential.calico import calico_clusters
from tests.examples import thorough

pytestmark = pytest.mark.lab


@pytest.mark.timeout(300)
@thorough(6)
@given(cluster=calico_clusters())
def test_evaluator_agrees_with_packets_on_calicos_own_kinds(mixed_lab, cluster):
    differences = mixed_lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(500)
@given(cluster=calico_clusters())
def test_evaluator_agrees_with_packets_on_calicos_own_kinds_in_hundreds(mixed_lab, cluster):
    differences = mixed_lab.differences(cluster)
    assert not differences, "\n".join(differences)
