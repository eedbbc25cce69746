"""Debug pods of a run whose node does not answer: its kubelet never says that they ended."""

import pytest

from npol.changes.restore import debug_pods
from npol.changes.restore.debug_pods import FORCE_AFTER, delete_debug_pods
from tests.changes.cluster import pod

WITHIN = 15.0


class Time:
    """A clock that goes on by sleeping."""

    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def bound(cluster, begin):
    """A run with a debug pod on a node that is lost, and a pod of others beside it."""
    transaction = begin()
    for name, owners in (("npol-x", [transaction.lease("shop")]), ("stranger", [])):
        body = pod(name)
        body["spec"]["nodeName"] = "lost"
        body["metadata"] |= {"annotations": {"npol.dev/run": "run-1"}, "ownerReferences": owners}
        cluster.edit("create", "pods", body)
    cluster.edit("delete", "pods", "shop", "stranger", grace=30)
    return transaction


@pytest.fixture
def bid_farewell(cluster, bound):
    clock = Time()

    def bid(within):
        gone = delete_debug_pods(
            cluster.connect(), ["shop"], "run-1", within=within, now=clock, sleep=clock.sleep
        )
        return gone, clock.now

    return bid


def test_a_pod_whose_node_is_lost_is_deleted_by_force_and_no_other(cluster, bid_farewell):
    gone, took = bid_farewell(WITHIN)

    told = "debug pod shop/npol-x was deleted by force: node lost did not say that it ended"
    assert (gone.terminating, gone.forced) == ((), (told,))
    assert FORCE_AFTER <= took < WITHIN
    (stranger,) = cluster.list("pods", "shop")
    assert stranger["metadata"]["name"] == "stranger"
    assert stranger["metadata"]["deletionTimestamp"]


def test_no_force_before_its_time(cluster, bid_farewell):
    gone, took = bid_farewell(FORCE_AFTER / 2)

    assert gone.terminating == ("debug pod shop/npol-x is still terminating",)
    assert gone.forced == ()
    assert took < FORCE_AFTER


def test_the_end_of_a_run_says_what_was_forced(bound, monkeypatch):
    monkeypatch.setattr(debug_pods, "FORCE_AFTER", 0.0)

    bound.close()

    assert bound.notes == (
        "debug pod shop/npol-x was deleted by force: node lost did not say that it ended",
    )
