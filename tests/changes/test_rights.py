"""A whole run with exactly the printed Role, and what happens when one right is missing."""

import json

import pytest

from npol.changes.recover.recovery import exit_code, recover
from npol.errors import NpolError
from npol.kube.connection import Mode, connect
from npol.kube.objects import PODS
from npol.kube.rbac import Extra, manifests
from npol.kube.retry import RetryBudget
from tests.changes.cluster import STATE
from tests.changes.scripted import SUBRESOURCES, found, found_workload, work, work_on_workloads

POLICIES = "networkpolicies.networking.k8s.io"
ACCOUNT = f"system:serviceaccount:{STATE}:npol"
PLACES = ("shop", "bank")
RESOURCES = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
}


@pytest.fixture
def granted(cluster, tmp_path):
    """Apply the printed manifests, and connect as the account that they are for."""
    made = manifests(Mode.APPLY, PLACES, extras=[Extra.LABELS, Extra.RESTART, Extra.SCALE])
    for body in made:
        resource, metadata = RESOURCES[body["kind"]], body["metadata"]
        if cluster.get(resource, metadata.get("namespace"), metadata["name"]) is None:
            cluster.edit("create", resource, body)
    kubeconfig = tmp_path / "kubeconfig"
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = ACCOUNT
    kubeconfig.write_text(json.dumps(config))

    def connected():
        return connect(
            kubeconfig=str(kubeconfig),
            context="test",
            mode=Mode.APPLY,
            patience=RetryBudget(first=5, lost=5, throttled=5),
        )

    yield connected
    for body in made:
        if body["kind"] not in ("Namespace", "ServiceAccount"):
            metadata = body["metadata"]
            cluster.remove(RESOURCES[body["kind"]], metadata.get("namespace"), metadata["name"])


@pytest.fixture
def before(cluster):
    for body in found(*PLACES):
        cluster.edit("create", "pods" if body["kind"] == "Pod" else POLICIES, body)
    return cluster.state()


def test_a_whole_run_needs_no_other_rights_than_the_printed_ones(cluster, begin, granted, before):
    connection = granted()
    transaction = begin(*PLACES, run_id="struck", connection=connection, replace=True, kinds=[PODS])

    work(transaction, connection)

    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before


def test_workloads_need_no_other_rights_either(cluster, begin, granted, before):
    cluster.edit("create", "deployments.apps", found_workload())
    was = cluster.state()
    connection = granted()
    transaction = begin(*PLACES, run_id="struck", connection=connection, subresources=SUBRESOURCES)
    work_on_workloads(transaction)
    transaction._lock.stop()

    done = recover(granted(), known_dead=True)

    assert exit_code(done) == 0
    assert cluster.state() == was


def test_recover_needs_no_other_rights_either(cluster, begin, granted, before):
    connection = granted()
    transaction = begin(*PLACES, run_id="struck", connection=connection, replace=True, kinds=[PODS])
    work(transaction, connection)
    transaction._lock.stop()

    done = recover(granted(), known_dead=True)

    assert exit_code(done) == 0
    assert cluster.state() == before


def rights_used():
    """Each right to write that a run uses: (namespace, resource, verb)."""
    policies = [("shop", "networkpolicies", verb) for verb in ("create", "update", "delete")]
    journal = [(STATE, "configmaps", verb) for verb in ("list", "create", "update", "delete")]
    locks = [("bank", "leases", verb) for verb in ("create", "delete")]
    return [*policies, *journal, *locks]


@pytest.mark.parametrize(("namespace", "resource", "verb"), rights_used(), ids=str)
def test_without_one_right_the_run_ends_and_can_be_recovered(
    cluster, begin, granted, before, namespace, resource, verb
):
    """Preflight asks for each of them beforehand; this is what happens if it could not know."""
    take_away(cluster, namespace, resource, verb)
    connection = granted()

    def whole_run():
        transaction = begin(
            *PLACES, run_id="struck", connection=connection, replace=True, kinds=[PODS]
        )
        try:
            work(transaction, connection)
        finally:
            transaction.close()

    with pytest.raises(NpolError, match=rf"{verb} {resource}|{resource}.* not"):
        whole_run()

    recover(cluster.connect(), known_dead=True)
    assert cluster.state() == before


def take_away(cluster, namespace, resource, verb):
    def without(role):
        for rule in role["rules"]:
            if resource in rule["resources"] and verb in rule["verbs"]:
                rule["verbs"].remove(verb)
        role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]

    cluster.change("roles.rbac.authorization.k8s.io", namespace, "npol-apply", without)
