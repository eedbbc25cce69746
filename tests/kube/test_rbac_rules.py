"""What a rule of RBAC grants, as the API server reads it."""

import pytest

from npol.kube.rbac import Right, covers

LIST_PODS = Right(verb="list", group="", resource="pods", namespace="dev")
EXEC = Right(verb="create", group="", resource="pods/exec", namespace="dev")
LEASE = Right(verb="get", group="coordination.k8s.io", resource="leases", name="npol")


def rule(verbs, groups, resources, names=None):
    told = {"verbs": verbs, "apiGroups": groups, "resources": resources}
    return told | ({"resourceNames": names} if names else {})


@pytest.mark.parametrize(
    ("told", "right"),
    [
        pytest.param(rule(["list"], [""], ["pods"]), LIST_PODS, id="spelled"),
        pytest.param(rule(["*"], ["*"], ["*"]), EXEC, id="everything"),
        pytest.param(rule(["create"], [""], ["pods/exec"]), EXEC, id="subresource"),
        pytest.param(rule(["create"], [""], ["*/exec"]), EXEC, id="subresource-of-all"),
        pytest.param(
            rule(["get"], ["coordination.k8s.io"], ["leases"], ["npol"]), LEASE, id="by-name"
        ),
    ],
)
def test_a_rule_grants_what_it_spells(told, right):
    assert covers(told, right)


@pytest.mark.parametrize(
    ("told", "right"),
    [
        pytest.param(rule(["get"], [""], ["pods"]), LIST_PODS, id="verb"),
        pytest.param(rule(["list"], ["apps"], ["pods"]), LIST_PODS, id="group"),
        pytest.param(rule(["list"], [""], ["services"]), LIST_PODS, id="resource"),
        pytest.param(rule(["create"], [""], ["pods"]), EXEC, id="the-pod-is-not-its-exec"),
        pytest.param(rule(["list"], [""], ["pods"], ["web"]), LIST_PODS, id="one-object-only"),
        pytest.param(
            rule(["get"], ["coordination.k8s.io"], ["leases"], ["x"]), LEASE, id="another-name"
        ),
        pytest.param({"verbs": ["*"]}, LIST_PODS, id="no-resources"),
    ],
)
def test_a_rule_grants_nothing_else(told, right):
    assert not covers(told, right)
