"""
A Service that nobody answers at, as it was measured on Calico 3.30: its own address is judged.

Refused without a policy and where egress allows every address; silent where it does not.
"""

from __future__ import annotations

import pytest

from npol.model.expectation import parse_expectation
from npol.model.prediction import PredictedDecision, UnknownReason
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CALICO, CILIUM, LAB, SPEC
from npol.policy.objects.entities import Traffic
from npol.policy.simulate.flow_decision import FlowDecision
from npol.policy.state.apply_changes import build

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
CLIENT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "client", "namespace": "x", "labels": {"app": "client"}},
    "spec": {"containers": [{"name": "c"}]},
    "status": {"phase": "Running", "podIP": "10.244.0.5"},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "lonely", "namespace": "x"},
    "spec": {
        "selector": {"app": "nobody"},
        "clusterIP": "10.96.0.9",
        "ports": [{"port": 80, "targetPort": 8080}],
    },
}
ALL_ADDRESSES = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]
NAMESPACES = [{"to": [{"namespaceSelector": {}}]}]
PODS = [{"to": [{"podSelector": {"matchLabels": {"app": "nobody"}}}]}]
POD_PORT = [{"ports": [{"port": 8080}]}]


def predicted(egress, dialect):
    """`egress` None: no policy at all."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "x"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": egress},
    }
    policies = [policy] if egress is not None else []
    world = build([NAMESPACE, CLIENT, SERVICE, *policies])
    source, service = world.pod("x", "client"), world.service("x", "lonely")
    assert source
    assert service
    packet = decide(world, Traffic(source=source, target=service, port=80), dialect)
    return FlowDecision(names=(), packets=(packet,), behind=())


@pytest.mark.parametrize("dialect", [CALICO, LAB], ids=lambda d: d.name)
@pytest.mark.parametrize(
    "egress",
    [
        pytest.param([], id="deny-all"),
        pytest.param(NAMESPACES, id="namespaces"),
        pytest.param(PODS, id="pods"),
        pytest.param(POD_PORT, id="the-pods-port"),
    ],
)
def test_what_egress_does_not_allow_is_silent(egress, dialect):
    found = predicted(egress, dialect)

    assert found.prediction.decision is PredictedDecision.DENY
    assert [str(p) for p in found.prediction.decided_by] == ["x/p"]
    assert found.holds(parse_expectation("refused")) is False


@pytest.mark.parametrize(
    "egress",
    [
        pytest.param(None, id="no-policy"),
        pytest.param([{}], id="every-peer"),
        pytest.param(ALL_ADDRESSES, id="every-address"),
    ],
)
def test_what_egress_allows_is_refused_and_no_policy_decides(egress):
    found = predicted(egress, CALICO).prediction

    assert found.decision is PredictedDecision.UNKNOWN
    assert found.reason is UnknownReason.NO_PATH


@pytest.mark.parametrize("dialect", [CILIUM, SPEC], ids=lambda d: d.name)
def test_nothing_is_said_where_it_was_not_measured(dialect):
    """Cilium beside kube-proxy is silent in any case: no policy's doing."""
    assert predicted([], dialect).prediction.decision is PredictedDecision.UNKNOWN
