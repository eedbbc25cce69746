"""A policy that a finalizer holds is neither gone nor as before: no restore takes it for either."""

import itertools
import random

import pytest

from npol.changes.apply.change_session import GONE_WITHIN, ChangedByOthers
from npol.changes.recover.recovery import exit_code, recover
from npol.changes.restore.restore import restore
from npol.errors import Refused, RestoreIncomplete
from tests.changes.cluster import policy
from tests.changes.finalizing_controller import FINALIZER, POLICIES, finalizing, release

OPEN = {"ingress": [{}]}


@pytest.fixture
def cluster(cluster):
    yield cluster
    release(cluster)


@pytest.fixture
def held(cluster):
    """A policy of others with a finalizer, as it is before a run."""
    body = policy("existing", **OPEN)
    body["metadata"]["finalizers"] = [FINALIZER]
    cluster.edit("create", POLICIES, body, manager="kubectl")
    return cluster.policies()


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, *events):
        self.time = 0.0
        self._events = list(events)

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        if self._events:
            self._events.pop(0)()


def timed(transaction, clock):
    transaction._session.now, transaction._session.sleep = clock.now, clock.sleep
    return transaction


def restored(transaction):
    """The result of a restore that waits for as long as it may, in no time."""
    session, clock = transaction._session, Clock()
    done = restore(
        session.connection,
        session.writer,
        stop=session.stop,
        within=60.0,
        now=clock.now,
        sleep=clock.sleep,
    )
    transaction._restoration = done
    return done.result


def adding(cluster, name):
    def change(body):
        body["metadata"]["finalizers"] = [*body["metadata"].get("finalizers", []), FINALIZER]

    cluster.change(POLICIES, "shop", name, change)


def test_a_deletion_lasts_until_the_finalizer_is_gone(cluster, begin, held):
    clock = Clock(lambda: None, lambda: release(cluster))
    transaction = timed(begin(), clock)

    assert transaction.delete(policy("existing")) == "deleted"

    assert cluster.policies() == {}
    assert clock.time == 0.5
    assert transaction.restore().complete
    assert cluster.policies() == held


def test_a_finalizer_that_stays_ends_the_step_and_is_named(cluster, begin, held):
    transaction = timed(begin(), Clock())

    with pytest.raises(Refused, match=f"existing was deleted, and is still .*{FINALIZER}"):
        transaction.delete(policy("existing"))

    assert transaction._session.now() == GONE_WITHIN


def test_what_is_held_is_not_restored_and_recover_makes_it_anew_later(cluster, begin, held):
    transaction = timed(begin(), Clock())
    with pytest.raises(Refused):
        transaction.delete(policy("existing"))

    result = restored(transaction)
    with pytest.raises(RestoreIncomplete):
        transaction.close()

    assert not result.complete
    assert "NetworkPolicy shop/existing: it is being deleted" in result.problems[0]
    assert f"waits for finalizer {FINALIZER}" in result.problems[0]
    again = recover(cluster.connect(), known_dead=True, within=0.5)
    assert exit_code(again) == 6
    assert FINALIZER in again[0].result.problems[0]
    release(cluster)
    assert exit_code(recover(cluster.connect(), known_dead=True)) == 0
    assert cluster.policies() == held
    assert cluster.state()["journals"] == cluster.state()["leases"] == []


def test_recover_waits_for_the_finalizer_and_makes_the_policy_anew(cluster, begin, held):
    transaction = timed(begin(), Clock())
    with pytest.raises(Refused):
        transaction.delete(policy("existing"))
    transaction._lock.stop()

    done = recover(cluster.connect(), known_dead=True, sleep=Clock(lambda: release(cluster)).sleep)

    assert exit_code(done) == 0
    assert "made NetworkPolicy shop/existing again" in done[0].result.actions
    assert cluster.policies() == held


def test_a_run_of_a_policy_that_was_made_waits_for_it_to_go(cluster, begin):
    transaction = begin()
    transaction.apply(policy())
    adding(cluster, "deny-all")

    result = restored(transaction)

    assert "it is being deleted" in result.problems[0]
    assert FINALIZER in result.problems[0]
    release(cluster)
    assert transaction.restore().complete
    assert cluster.policies() == {}


@pytest.mark.parametrize("existed", [False, True], ids=["created", "replaced"])
def test_a_finalizer_of_a_controller_makes_a_policy_no_strangers(cluster, begin, existed):
    if existed:
        cluster.edit("create", POLICIES, policy(**OPEN))
    transaction = begin(replace=True)
    transaction.apply(policy())
    adding(cluster, "deny-all")

    assert transaction.changed_by_others() == []
    assert transaction.apply(policy(policyTypes=["Egress"])) == "replaced"
    assert cluster.policies()["shop/deny-all"]["finalizers"] == [FINALIZER]
    result = restored(transaction)

    assert result.complete == existed
    if existed:
        live = cluster.policies()["shop/deny-all"]
        assert (live["spec"]["ingress"], live["finalizers"]) == ([{}], [FINALIZER])


def test_a_finalizer_that_comes_between_read_and_write_is_no_conflict(cluster, begin):
    transaction = begin()
    transaction.apply(policy())
    session = transaction._session
    wait, names = session.check_lock, itertools.count()

    def add_then(namespace):
        if next(names) == 1:
            adding(cluster, "deny-all")
        wait(namespace)

    session.check_lock = add_then
    assert transaction.apply(policy(policyTypes=["Egress"])) == "replaced"
    assert cluster.policies()["shop/deny-all"]["finalizers"] == [FINALIZER]


def test_a_finalizer_that_others_took_away_is_named(cluster, begin, held):
    transaction = begin()
    cluster.change(POLICIES, "shop", "existing", lambda p: p["metadata"].pop("finalizers"))

    assert not transaction.restore().complete


def test_what_others_are_deleting_is_never_as_before(cluster, begin, held):
    transaction = begin(replace=True)
    transaction.apply(policy("existing", policyTypes=["Egress"]))
    cluster.remove(POLICIES, "shop", "existing")

    assert transaction.changed_by_others()
    with pytest.raises(ChangedByOthers, match=FINALIZER):
        transaction.apply(policy("existing"))
    result = transaction.restore()

    assert "others are deleting it" in result.problems[0]


def test_an_untouched_policy_that_others_are_deleting_is_named(cluster, begin, held):
    transaction = begin()
    cluster.remove(POLICIES, "shop", "existing")

    assert transaction.changed_by_others()
    assert (
        f"others are deleting it, it waits for finalizer {FINALIZER}"
        in (transaction.restore().problems[0])
    )


def test_a_run_does_not_begin_on_a_policy_that_is_on_its_way_out(cluster, begin, held):
    cluster.remove(POLICIES, "shop", "existing")

    with pytest.raises(Refused, match="shop/existing is being deleted"):
        begin()

    assert cluster.state()["leases"] == cluster.state()["journals"] == []


def test_a_whole_run_with_a_controller_that_holds_each_policy(cluster, begin):
    cluster.edit("create", POLICIES, policy("existing", **OPEN))
    with finalizing(cluster, lambda: random.uniform(0.0, 0.3)):
        before = cluster.policies()
        transaction = begin(replace=True)
        transaction.apply(policy())
        transaction.delete(policy("existing"))
        transaction.apply(policy("existing", policyTypes=["Egress"]))
        transaction.delete(policy("deny-all"))
        transaction.apply(policy())

        result = transaction.restore()
        transaction.close()

        assert result.complete, result.problems
        assert cluster.policies() == before


def test_a_policy_that_goes_between_two_reads_is_made_anew(cluster, begin, held):
    """Held at the first read, gone at the one that verifies."""
    transaction = timed(begin(), Clock())
    with pytest.raises(Refused):
        transaction.delete(policy("existing"))
    connection, released = transaction._session.connection, []
    lists = connection.list

    def list_then_free(*where, **how):
        found = lists(*where, **how)
        if not released and any(o["metadata"].get("deletionTimestamp") for o in found):
            released.append(where)
            release(cluster)
        return found

    connection.list = list_then_free
    result = transaction.restore()

    assert released
    assert result.complete, result.problems
    assert cluster.policies() == held
