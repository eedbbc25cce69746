"""A server that loses replies, refuses, throttles and goes away, at each request of a run."""

import threading
import time

import pytest

from npol.changes.recover.recovery import exit_code, recover
from npol.errors import NpolError, RestoreIncomplete
from npol.kube.objects import PODS
from npol.kube.retry import Clock, RetryBudget
from tests.changes.cluster import pod, policy
from tests.changes.scripted import work

POLICIES = "networkpolicies.networking.k8s.io"
LEASES = "leases.coordination.k8s.io"
WRITES = [
    ("create", POLICIES),
    ("update", POLICIES),
    ("delete", POLICIES),
    ("create", "pods"),
    ("patch", "pods"),
    ("delete", "pods"),
    ("patch", "namespaces"),
    ("create", "configmaps"),
    ("update", "configmaps"),
    ("delete", "configmaps"),
    ("create", LEASES),
    ("delete", LEASES),
]
READS = [("get", POLICIES), ("list", POLICIES), ("get", "namespaces"), ("get", "pods")]
HASTY = Clock(sleep=lambda seconds: time.sleep(min(seconds, 0.01)))


def fault(verb, resource, action, times=1, **match):
    return {
        "match": {"verb": verb, "resource": resource, **match},
        "times": times,
        "action": action,
    }


@pytest.fixture
def before(cluster):
    cluster.edit("create", POLICIES, policy("existing", ingress=[{}]))
    cluster.edit("create", POLICIES, policy("doomed", "bank"))
    cluster.edit("create", "pods", pod())
    return cluster.state()


@pytest.fixture
def whole_run(cluster, begin, before):
    """A run that does everything, with faults from its very beginning."""

    def whole_run(*faults):
        connection = cluster.connect(clock=HASTY)
        connection.list(PODS, "shop")  # a server that has answered before gets more patience
        cluster.faults(*faults)
        transaction = begin(
            "shop",
            "bank",
            run_id="struck",
            connection=connection,
            replace=True,
            kinds=[PODS],
        )
        work(transaction, connection)
        return transaction

    return whole_run


def leaves_nothing(cluster, transaction, before):
    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_reply_to_each_kind_of_write_is_resolved_by_reading_back(
    cluster, before, whole_run, when
):
    leaves_nothing(cluster, whole_run(*(fault(*w, {"drop": when}) for w in WRITES)), before)


@pytest.mark.nightly
@pytest.mark.parametrize(("verb", "resource"), WRITES, ids=lambda v: v.partition(".")[0])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_replies_to_one_kind_of_write_are_resolved(
    cluster, before, whole_run, verb, resource, when, times
):
    transaction = whole_run(fault(verb, resource, {"drop": when}, times))
    leaves_nothing(cluster, transaction, before)


@pytest.mark.parametrize("status", [401, 429, 500, 503, 504])
def test_a_refusal_of_each_kind_of_request_that_passes_is_sat_out(
    cluster, before, whole_run, status
):
    faults = (fault(*request, {"status": status}) for request in WRITES + READS)
    leaves_nothing(cluster, whole_run(*faults), before)


@pytest.mark.nightly
@pytest.mark.parametrize(("verb", "resource"), WRITES + READS, ids=lambda v: v.partition(".")[0])
@pytest.mark.parametrize("status", [401, 429, 500, 503, 504])
def test_a_refusal_of_one_kind_of_request_that_passes_is_sat_out(
    cluster, before, whole_run, verb, resource, status
):
    transaction = whole_run(fault(verb, resource, {"status": status}))
    leaves_nothing(cluster, transaction, before)


@pytest.mark.parametrize("k", range(5))
def test_a_write_that_fails_leaves_those_before_it_restorable(cluster, begin, before, k):
    transaction = begin("shop", "bank", connection=cluster.connect(clock=HASTY))
    cluster.faults(
        {
            "match": {"verb": "create", "resource": POLICIES, "name": ""},
            "after": 2 * k + 1,
            "times": 1,
            "action": {"status": 422},
        }
    )

    for n in range(k):
        transaction.apply(policy(f"p{n}"))
    with pytest.raises(NpolError):
        transaction.apply(policy(f"p{k}"))

    assert len(cluster.policies("shop")) == k + 1
    result = transaction.restore()
    transaction.close()
    assert result.complete
    assert len(result.actions) == k
    assert cluster.state() == before


@pytest.mark.parametrize("j", range(4))
def test_a_restore_goes_on_after_a_failure_and_names_it(cluster, begin, before, tmp_path, j):
    transaction = begin("shop", "bank", connection=cluster.connect(clock=HASTY))
    for n in range(4):
        transaction.apply(policy(f"p{n}"))
    cluster.faults(fault("delete", POLICIES, {"status": 403}, times=None, name=f"p{j}"))

    result = transaction.restore()
    with pytest.raises(RestoreIncomplete):
        transaction.close()

    assert len(result.actions) == 3
    assert [p for p in result.problems if f"shop/p{j}: may not delete" in p] == [*result.problems]
    assert f"shop/p{j}" in cluster.policies()
    cluster.faults()
    done = recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "state")
    assert exit_code(done) == 0
    assert cluster.state() == before


def test_rights_that_were_revoked_are_named_for_each_object(cluster, begin, before, tmp_path):
    transaction = begin("shop", "bank", replace=True, connection=cluster.connect(clock=HASTY))
    transaction.apply(policy("existing", policyTypes=["Egress"]))
    transaction.apply(policy("new"))
    transaction.delete(policy("doomed", "bank"))
    cluster.faults(
        *(
            fault(verb, POLICIES, {"status": 403}, times=None)
            for verb in ("create", "update", "delete")
        )
    )

    result = transaction.restore()

    named = ["shop/existing: may not update", "shop/new: may not delete", "doomed: may not create"]
    assert len(result.problems) == 3
    assert all(any(text in p for p in result.problems) for text in named), result.problems
    with pytest.raises(RestoreIncomplete):
        transaction.close()
    cluster.faults()
    assert exit_code(recover(cluster.connect(), known_dead=True)) == 0
    assert cluster.state() == before


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_of_everything_keeps_the_journal(cluster, begin, before, tmp_path, status):
    patience = RetryBudget(first=0.5, lost=0.5, throttled=0.5)
    transaction = begin(connection=cluster.connect(patience=patience), watched=True)
    transaction.apply(policy())
    cluster.faults({"match": {}, "action": {"status": status}})

    assert not transaction.restore().complete
    with pytest.raises(RestoreIncomplete):
        transaction.close()

    cluster.faults()
    done = recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "state")
    assert exit_code(done) == 0
    assert cluster.state() == before


def test_a_server_that_comes_back_in_time_gets_its_restore(cluster, begin, before):
    transaction = begin(connection=cluster.connect(patience=RetryBudget(lost=20)))
    transaction.apply(policy())
    cluster.faults({"match": {}, "action": {"drop": "before"}})
    threading.Timer(1.5, cluster.faults).start()

    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before


def test_a_server_that_stays_away_leaves_the_journal_and_says_so(cluster, begin, tmp_path):
    patience = RetryBudget(first=0.5, lost=0.5, throttled=0.5)
    transaction = begin(connection=cluster.connect(patience=patience), watched=True)
    transaction.apply(policy())
    cluster.faults({"match": {}, "action": {"drop": "before"}})

    result = transaction.restore()
    with pytest.raises(RestoreIncomplete, match="npol recover"):
        transaction.close()

    assert "could not be read to verify the restore" in result.problems[0]
    assert (tmp_path / "state" / "run-1.jsonl").exists()
    cluster.faults()
    done = recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "state")
    assert exit_code(done) == 0


def test_nothing_is_changed_while_the_cluster_does_not_take_the_journal(cluster, begin):
    transaction = begin(connection=cluster.connect(clock=HASTY))
    cluster.faults(fault("update", "configmaps", {"status": 403}, times=None))

    with pytest.raises(NpolError, match="configmaps"):
        transaction.apply(policy())

    assert cluster.policies() == {}


def test_the_restore_gets_through_a_server_that_throttles(cluster, begin, before):
    transaction = begin(connection=cluster.connect(clock=HASTY, patience=RetryBudget()))
    for n in range(5):
        transaction.apply(policy(f"p{n}"))
    cluster.faults({"match": {}, "times": 20, "action": {"status": 429, "retryAfter": 1}})

    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before
