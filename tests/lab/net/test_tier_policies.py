"""Policies in tiers that no rule can be made of: they are left out, and the lab lives."""

import pytest

from npol_lab.families import IPV4
from npol_lab.net.tier_policies import TierPolicies
from npol_lab.store import Event

RESOURCE = "clusternetworkpolicies.policy.networking.k8s.io"


@pytest.mark.parametrize(("first", "last", "kept"), [(80, 90, 1), (80, 80, 1), (90, 80, 0)])
def test_a_span_of_ports_goes_upwards(first, last, kept):
    port = {"tcp": {"destinationPort": {"range": {"start": first, "end": last}}}}
    rule = {"action": "Deny", "from": [{"namespaces": {}}], "protocols": [port]}
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "ingress": [rule]}
    policies = TierPolicies([IPV4], enforce=True)

    made = {"metadata": {"name": "a", "uid": "u"}, "spec": spec}
    policies.note(Event("ADDED", RESOURCE, made, 1))

    assert len(policies.compiled(IPV4)) == kept
