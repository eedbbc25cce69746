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


def test_two_namespaces_take_as_many_lists_as_one_where_they_are_most(cluster, inside):
    _, one = inside("shop")
    _, both = inside("shop", "bank")

    per_namespace = 2 if not cluster.connect().are_most({"shop", "bank"}) else 1
    assert len(both) == per_namespace * len(one)
