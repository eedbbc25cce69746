"""The evaluator and the lab's packets agree where tiers stand around NetworkPolicies."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.differential.tiered import tiered_clusters
from tests.examples import thorough

pytestmark = pytest.mark.lab


@pytest.mark.timeout(300)
@thorough(8)
@given(cluster=tiered_clusters())
def test_evaluator_agrees_with_packets_in_tiers(mixed_lab, cluster):
    differences = mixed_lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(500)
@given(cluster=tiered_clusters())
def test_evaluator_agrees_with_packets_in_tiers_in_hundreds(mixed_lab, cluster):
    differences = mixed_lab.differences(cluster)
    assert not differences, "\n".join(differences)
