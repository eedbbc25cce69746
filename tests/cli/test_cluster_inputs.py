"""A cluster as commands look at it: what may not be read of it is no reason for an answer."""

from npol.cli.cluster_inputs import _say_unread
from npol.cni.other_policy_kinds import KINDS, UnreadKind, with_unread
from npol.model.prediction import UnknownReason
from npol.policy.evaluate.evaluate import decide
from npol.policy.state.apply_changes import build
from npol.policy.state.flow_syntax import parse_flow


def pod(namespace, name, address):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}]},
        "status": {"phase": "Running", "podIP": address},
    }


WORLD = build([pod("web", "ui", "10.0.0.1"), pod("ops", "grafana", "10.0.0.2")])
ADMIN = next(kind for kind in KINDS if kind.kind == "AdminNetworkPolicy")
CALICO = next(kind for kind in KINDS if kind.kind == "NetworkPolicy" and kind.namespaced)


def decision(*unread):
    _say_unread(unread)
    world = with_unread(WORLD, unread)
    return decide(world, parse_flow(world, "web/ui -> ops/grafana:80"))


def test_policies_that_may_not_be_read_make_a_prediction_unknown_and_are_said(capsys):
    found = decision(UnreadKind(kind=ADMIN))

    assert (found.allowed, found.unknown) == (None, UnknownReason.OTHER_POLICY_KINDS)
    assert [str(o) for o in found.others] == [f"AdminNetworkPolicy.{ADMIN.group} (may not be read)"]
    assert f"unknown: adminnetworkpolicies.{ADMIN.group}\n" in capsys.readouterr().err


def test_those_of_one_namespace_concern_its_pods_only():
    assert decision(UnreadKind(kind=CALICO, namespace="ops")).allowed is None
    assert decision(UnreadKind(kind=CALICO, namespace="elsewhere")).allowed is True
    assert decision().allowed is True
