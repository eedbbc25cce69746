import json
import os
import subprocess
import sys
import time

import pytest

from npol.changes.lock import holder
from npol.changes.lock import leases as locks
from npol.changes.lock.holder import Identity
from npol.changes.lock.leases import watch_renewals
from npol.changes.lock.lock import Lock
from npol.changes.recover.recovery import exit_code, recover
from npol.errors import LockHeld
from tests.changes.cluster import policy

LEASES = "leases.coordination.k8s.io"


class Time:
    """A clock that only tests move."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def make(cluster, clock):
    """Locks that are never renewed by themselves."""
    made = []

    def make(run_id="mine", **settings):
        lock = Lock(cluster.connect(), run_id, now=clock, duration=3600, **settings)
        made.append(lock)
        return lock

    yield make
    for lock in made:
        lock.stop()


def lease(cluster, namespace="shop"):
    return cluster.get(LEASES, namespace, "npol")


def renew_as(holder, renewed="2026-01-01T00:00:00.000000Z"):
    return lambda le: le["spec"].update(holderIdentity=holder, renewTime=renewed)


def test_a_lock_is_a_lease_that_names_its_holder(cluster, make):
    make().acquire(["shop"])

    found = lease(cluster)
    assert found["spec"]["holderIdentity"] == "mine"
    assert found["spec"]["leaseDurationSeconds"] == 3600
    assert found["metadata"]["annotations"]["npol.dev/pid"] == str(os.getpid())


def test_a_lock_is_taken_once_and_free_after_release(cluster, make):
    first, second = make("first"), make("second")
    first.acquire(["shop"])

    with pytest.raises(LockHeld, match="namespace shop is held by run first"):
        second.acquire(["shop"])

    first.release()
    second.acquire(["shop"])
    assert lease(cluster)["spec"]["holderIdentity"] == "second"


def test_all_namespaces_are_taken_or_none(cluster, make):
    make("other").acquire(["shop"])

    with pytest.raises(LockHeld):
        make().acquire(["bank", "shop"])

    assert lease(cluster, "bank") is None


def test_what_went_with_its_namespace_is_not_released_again(cluster, make):
    lock = make()
    lock.acquire(["shop", "bank"])
    cluster.asked.clear()

    lock.release(gone=["bank"])

    assert [a.namespace for a in cluster.asked if a.verb == "delete"] == ["shop"]


def test_a_namespace_that_was_not_locked_is_not_ours(make):
    with pytest.raises(LockHeld, match="not locked by this run"):
        make().check("shop")


def test_a_lock_that_was_renewed_in_time_is_ours(make, clock):
    lock = make()
    lock.acquire(["shop"])
    clock.now += 3599

    lock.check("shop")


def test_a_lock_that_is_overdue_but_untouched_is_renewed_and_ours(cluster, make, clock):
    """Nobody wrote to it since, so nobody can have taken it in between."""
    lock = make()
    lock.acquire(["shop"])
    version = lease(cluster)["metadata"]["resourceVersion"]
    clock.now += 4000

    lock.check("shop")

    assert lease(cluster)["metadata"]["resourceVersion"] != version


@pytest.mark.parametrize(
    ("happens", "how"),
    [
        pytest.param(lambda c: c.remove(LEASES, "shop", "npol"), "was deleted", id="deleted"),
        pytest.param(
            lambda c: c.change(LEASES, "shop", "npol", renew_as("thief")),
            "held by run thief",
            id="stolen",
        ),
        pytest.param(
            lambda c: c.change(
                LEASES,
                "shop",
                "npol",
                lambda le: le["metadata"]["annotations"].update({locks.HOLDER: "recovery"}),
            ),
            "held by run mine",
            id="taken-over-by-a-recovery",
        ),
        pytest.param(
            lambda c: c.faults({"match": {"resource": LEASES}, "action": {"status": 403}}),
            "could not be renewed in time",
            id="no-rights",
        ),
    ],
)
def test_a_lock_that_was_lost_lets_nothing_through(cluster, make, clock, happens, how):
    lock = make()
    lock.acquire(["shop"])
    happens(cluster)
    clock.now += 4000

    for _ in range(2):
        with pytest.raises(LockHeld, match=how):
            lock.check("shop")
    assert "shop" in lock.lost


def test_a_lost_lock_is_not_deleted_from_under_its_new_holder(cluster, make):
    lock = make()
    lock.acquire(["shop"])
    cluster.change(LEASES, "shop", "npol", renew_as("thief"))

    lock.release()

    assert lease(cluster)["spec"]["holderIdentity"] == "thief"


def test_a_renewal_does_not_bring_a_deleted_lease_back(cluster, make, clock):
    """The API server creates Leases by PUT; the uid that we name forbids it."""
    lock = make()
    lock.acquire(["shop"])
    cluster.remove(LEASES, "shop", "npol")
    clock.now += 4000

    with pytest.raises(LockHeld):
        lock.check("shop")

    assert lease(cluster) is None


def test_a_renewal_whose_reply_was_lost_is_still_ours(cluster, make, clock):
    lock = make()
    lock.acquire(["shop"])
    match = {"verb": "update", "resource": LEASES}
    cluster.faults({"match": match, "times": 1, "action": {"drop": "after"}})
    clock.now += 4000

    lock.check("shop")
    lock.release()

    assert lease(cluster) is None


def test_a_creation_whose_reply_was_lost_is_ours(cluster, make):
    match = {"verb": "create", "resource": LEASES}
    cluster.faults({"match": match, "times": 1, "action": {"drop": "after"}})
    lock = make()

    lock.acquire(["shop"])
    lock.check("shop")


def test_the_owner_reference_is_a_controller_that_blocks_nothing(cluster, make):
    lock = make()
    lock.acquire(["shop"])

    owner = lock.owner_reference("shop")

    assert owner["uid"] == lease(cluster)["metadata"]["uid"]
    assert (owner["controller"], owner["blockOwnerDeletion"]) == (True, False)


def test_locks_are_renewed_in_the_background(cluster):
    lock = Lock(cluster.connect(), "mine", duration=0.2)
    lock.acquire(["shop"])
    version = lease(cluster)["metadata"]["resourceVersion"]

    until = time.monotonic() + 60
    while lease(cluster)["metadata"]["resourceVersion"] == version:
        assert time.monotonic() < until
    lock.release()


# -- is the holder alive? (F50, F51)


@pytest.mark.parametrize("skew", ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"])
def test_a_holder_that_renews_is_alive_whatever_its_clock_says(cluster, make, clock, skew):
    make("far").acquire(["shop"])
    found = lease(cluster)

    def sleep(seconds):
        clock.now += seconds
        cluster.change(LEASES, "shop", "npol", renew_as("far", skew))

    assert watch_renewals(cluster.connect(), {"shop": found}, clock=clock, sleep=sleep)


@pytest.mark.parametrize("skew", ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"])
def test_a_holder_that_does_not_renew_is_dead_whatever_its_clock_says(cluster, make, clock, skew):
    make("far").acquire(["shop"])
    found = cluster.change(LEASES, "shop", "npol", renew_as("far", skew))
    began = clock.now

    def sleep(seconds):
        clock.now += 60

    assert not watch_renewals(cluster.connect(), {"shop": found}, clock=clock, sleep=sleep)
    assert clock.now - began >= 3600


@pytest.fixture
def dead_run(cluster, begin, monkeypatch):
    """A run whose process ended on this machine, with a policy still applied."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    machine = holder._machine()
    dead = Identity(host="here", pid=gone.pid, user="ann", process=f"{machine}/1")
    with monkeypatch.context() as patch:
        patch.setattr(holder, "myself", lambda: dead)
        transaction = begin(run_id="dead")
    transaction.apply(policy())
    transaction._lock.stop()
    return transaction


def test_a_stale_lock_is_named_with_the_way_out(begin, dead_run):
    with pytest.raises(LockHeld, match="npol recover dead --context test --kubeconfig "):
        begin()


def test_a_stale_lock_can_be_recovered_first(cluster, begin, dead_run):
    transaction = begin(recover_stale=True)

    assert cluster.policies() == {}
    assert lease(cluster)["spec"]["holderIdentity"] == transaction._session.run_id


def test_a_live_holder_is_not_recovered(cluster, begin):
    begin(run_id="alive").apply(policy())

    with pytest.raises(LockHeld):
        begin(recover_stale=True)

    assert list(cluster.policies()) == ["shop/deny-all"]


def test_a_lock_can_be_waited_for(cluster, begin, monkeypatch):
    first = begin(run_id="first")
    monkeypatch.setattr(time, "sleep", lambda _: first.close())

    begin(run_id="second", wait=30)

    assert lease(cluster)["spec"]["holderIdentity"] == "second"


# -- lost while the run goes on (F49)


@pytest.mark.parametrize("how", ["deleted", "stolen"])
def test_a_run_without_its_lock_writes_nothing_more_and_restores(cluster, begin, how):
    transaction = begin()
    transaction.apply(policy("first"))
    if how == "deleted":
        cluster.remove(LEASES, "shop", "npol")
    else:
        cluster.change(LEASES, "shop", "npol", renew_as("thief"))
    transaction._lock._held["shop"].renewed -= 1000

    with pytest.raises(LockHeld) as lost:
        transaction.apply(policy("second"))

    assert lost.value.exit_code == 5
    assert list(cluster.policies()) == ["shop/first"]
    assert "lock of shop was lost" in transaction.changed_by_others()[0]
    assert transaction.restore().complete
    transaction.close()
    assert cluster.policies() == {}


def test_a_lock_that_is_lost_while_the_intent_is_written_stops_the_write(cluster, begin):
    transaction = begin()
    writer = transaction._session.writer
    intend = writer.intend_all

    def steal_after(*args, **options):
        record = intend(*args, **options)
        cluster.remove(LEASES, "shop", "npol")
        transaction._lock._held["shop"].renewed -= 1000
        return record

    writer.intend_all = steal_after
    with pytest.raises(LockHeld, match="its Lease was deleted"):
        transaction.apply(policy())

    assert cluster.policies() == {}
    assert transaction.restore().complete


def test_a_write_that_slips_through_after_a_recovery_is_taken_back(cluster, begin, tmp_path):
    """The process slept between its check of the lock and its write: no lock can prevent that."""
    transaction = begin()
    check = transaction._session.check_lock

    def sleep_after_the_last_check(namespace):
        check(namespace)
        if transaction._session.writer.journal.records and cluster.state()["journals"]:
            recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")

    transaction._session.check_lock = sleep_after_the_last_check
    assert transaction.apply(policy()) == "created"

    assert transaction.restore().complete
    transaction.close()
    state = cluster.state()
    assert (state["policies"], state["leases"], state["journals"]) == ({}, [], [])


def test_recover_leaves_a_namespace_alone_that_another_run_holds_now(cluster, begin, dead_run):
    cluster.remove(LEASES, "shop", "npol")
    Lock(cluster.connect(), "other", duration=3600)._take("shop")

    done = recover(cluster.connect())

    assert exit_code(done) == 5
    assert "held by run other" in done[0].skipped
    assert list(cluster.policies()) == ["shop/deny-all"]


# -- many at once (F47)

FIGHTER = """
import os, random, sys, time
from pathlib import Path
from npol.kube.connection import Mode, connect
from npol.changes.lock.lock import Lock
from npol.errors import LockHeld
import kubernetes.client
kubeconfig, mark, processes, attempts = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def fight(number):
    connection = connect(kubeconfig=kubeconfig, context="test", mode=Mode.APPLY)
    for attempt in range(attempts):
        lock = Lock(connection, f"run-{number}-{attempt}")
        while True:
            try:
                lock.acquire(["shop"])
                break
            except LockHeld:
                time.sleep(random.uniform(0.01, 0.05) * processes / 10)
        lock.check("shop")
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails where somebody else is inside
        time.sleep(0.001)
        os.unlink(mark)
        lock.release()

children = []
for number in range(processes):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            fight(number)
            code = 0
        finally:
            os._exit(code)
    children.append(child)
print(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def fight(cluster, directory, processes, attempts):
    """How many of the processes ended in trouble."""
    arguments = [str(cluster.kubeconfig), str(directory / "inside"), processes, attempts]
    done = subprocess.run(
        [sys.executable, "-c", FIGHTER, *map(str, arguments)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_twelve_processes_never_hold_one_lock_together(cluster, tmp_path):
    assert fight(cluster, tmp_path, 12, 4) == 0
    assert lease(cluster) is None


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_hundred_processes_never_hold_one_lock_together(cluster, tmp_path):
    assert fight(cluster, tmp_path, 100, 100) == 0
    assert lease(cluster) is None
