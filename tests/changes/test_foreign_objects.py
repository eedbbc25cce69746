"""What others have put into namespaces: one look tells of all of them."""

import pytest

from npol.changes.restore.foreign_objects import foreign_objects
from npol.changes.state.compare import marked
from tests.changes.cluster import pod, policy

POLICIES = "networkpolicies.networking.k8s.io"


@pytest.fixture
def inside(cluster):
    """What is found, with the numbers of lists that it took."""

    def look(*namespaces):
        cluster.asked.clear()
        found = foreign_objects(cluster.connect(), namespaces, "run-1")
        kinds = [a.resource for a in cluster.asked if a.verb == "list"]
        return found, kinds

    return look


def test_each_namespace_holds_what_others_put_there(cluster, inside):
    cluster.edit("create", "pods", pod("theirs", "bank"))
    cluster.edit("create", POLICIES, policy("theirs", "bank"))
    cluster.edit("create", "pods", marked(pod("ours", "shop"), "run-1"))

    found, _ = inside("shop", "bank")

    assert found["shop"] == []
    assert sorted(found["bank"]) == ["NetworkPolicy theirs", "Pod theirs"]


def test_what_another_run_made_is_anothers(cluster, inside):
    cluster.edit("create", "pods", marked(pod("other", "shop"), "run-2"))

    assert inside("shop", "bank")[0] == {"shop": ["Pod other"], "bank": []}


@pytest.fixture
def leaving(cluster):
    """A pod of others that is on its way out, until a finalizer lets it go."""
    body = pod("leaving", "bank")
    body["metadata"]["finalizers"] = ["example.org/slow"]
    cluster.edit("create", "pods", body)
    cluster.remove("pods", "bank", "leaving")

    def let_go():
        cluster.change("pods", "bank", "leaving", lambda p: p["metadata"].update(finalizers=[]))

    yield let_go
    let_go()


@pytest.mark.parametrize("goes", [True, False], ids=["gone-in-time", "never-gone"])
def test_what_others_put_there_while_it_was_waited_is_seen(cluster, leaving, goes):
    """Also in a namespace in which nothing was waited for."""
    time = iter([0.0, 1.0, 99.0])

    def sleep(_):
        cluster.edit("create", POLICIES, policy("theirs", "bank"))
        cluster.edit("create", POLICIES, policy("theirs", "shop"))
        if goes:
            leaving()

    found = foreign_objects(
        cluster.connect(),
        ("bank", "shop"),
        "run-1",
        now=lambda: next(time, 99.0),
        sleep=sleep,
    )

    still = [] if goes else ["Pod leaving"]
    assert sorted(found["bank"]) == ["NetworkPolicy theirs", *still]
    assert found["shop"] == ["NetworkPolicy theirs"]


def test_two_namespaces_take_as_many_lists_as_one_where_they_are_most(cluster, inside):
    _, one = inside("shop")
    _, both = inside("shop", "bank")

    per_namespace = 2 if not cluster.connect().are_most({"shop", "bank"}) else 1
    assert len(both) == per_namespace * len(one)
