"""The evaluator and the lab's packets agree where Calico's own kinds stand beside all others."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.differential.calico import calico_clusters
from tests.differential.test_lab import Lab
from tests.examples import thorough

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab():
    made = Lab()
    yield made
    counted = dict(made.counted)
    made.packets.close()
    asked = counted["open"] + counted["timeout"]
    assert counted["open"] > asked / 4, counted
    assert counted["timeout"] > asked / 4, counted


@pytest.mark.timeout(300)
@thorough(6)
@given(cluster=calico_clusters())
def test_evaluator_agrees_with_packets_on_calicos_own_kinds(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(500)
@given(cluster=calico_clusters())
def test_evaluator_agrees_with_packets_on_calicos_own_kinds_in_hundreds(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)
