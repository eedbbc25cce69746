import itertools

import pytest

from npol.changes.begin import TransactionOptions
from npol.changes.transaction import Transaction
from npol_lab.registry.calico_definitions import calico_definitions, tiers
from npol_lab.registry.calico_rules import TIERS
from npol_lab.registry.policy_definitions import policy_definitions
from tests.changes.cluster import CLUSTER_POLICIES, GLOBAL_POLICIES, Cluster

EMPTIED = (
    "networkpolicies.networking.k8s.io",
    "leases.coordination.k8s.io",
    "deployments.apps",
    "replicasets.apps",
    "pods",
)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def empty(server):
    """Nothing but the namespaces is left."""
    server.faults()
    for resource in EMPTIED:
        for obj in server.list(resource):
            server.remove(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
    for chunk in server.list("configmaps", "npol-system"):
        server.remove("configmaps", "npol-system", chunk["metadata"]["name"])
    server.asked.clear()


@pytest.fixture
def cluster(server):
    """The server, with nothing in its namespaces `shop` and `bank`."""
    empty(server)
    yield server
    server.faults()


@pytest.fixture
def defined(cluster):
    """The cluster with the definitions of the policies in tiers, and of Calico's own."""
    definitions = "customresourcedefinitions.apiextensions.k8s.io"
    for definition in (*policy_definitions(), *calico_definitions()):
        if cluster.get(definitions, None, definition["metadata"]["name"]) is None:
            cluster.edit("create", definitions, definition)
    for tier in tiers():
        if cluster.get(TIERS, None, tier["metadata"]["name"]) is None:
            cluster.edit("create", TIERS, tier)
    yield cluster
    for resource in (CLUSTER_POLICIES, GLOBAL_POLICIES):
        for policy in cluster.list(resource):
            cluster.remove(resource, None, policy["metadata"]["name"])


@pytest.fixture
def begin(cluster, tmp_path):
    """Open a run on the cluster; without watchdog unless asked for."""
    numbers = itertools.count(1)
    opened = []

    def begin(*namespaces, run_id="", watched=False, stop=None, **settings):
        transaction = Transaction.open(
            settings.pop("connection", None) or cluster.connect(),
            TransactionOptions(
                run_id=run_id or f"run-{next(numbers)}",
                namespaces=namespaces or ("shop",),
                disposable=not watched,
                state_directory=tmp_path / "state",
                **settings,
            ),
            stop=stop,
        )
        opened.append(transaction)
        return transaction

    yield begin
    for transaction in opened:
        transaction._lock.stop()
