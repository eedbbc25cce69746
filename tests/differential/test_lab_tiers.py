"""The evaluator and the lab's packets agree where tiers stand around NetworkPolicies."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.differential.test_lab import Lab
from tests.differential.tiered import tiered_clusters
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
@thorough(8)
@given(cluster=tiered_clusters())
def test_evaluator_agrees_with_packets_in_tiers(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(500)
@given(cluster=tiered_clusters())
def test_evaluator_agrees_with_packets_in_tiers_in_hundreds(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)
