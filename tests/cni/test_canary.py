"""The canary against a cluster of a few lines: time and packets are the test's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from npol.cni.canary import PROBE_TIMEOUT, Canary
from npol.errors import Refused, UnknownVerdict
from npol.kube.retry import Clock
from npol.model.expectation import Outcome
from npol.model.probe import Answer, PodRef

FREE = PodRef(namespace="npol-system", name="free", uid="1", ip="10.0.0.1", node="a")
GUARDED = PodRef(namespace="npol-system", name="guarded", uid="2", ip="10.0.0.2", node="b")


@dataclass
class Cluster:
    """Enforces after `delay` seconds what is written; time passes only by sleeping."""

    delay: float = 0.5
    enforces: frozenset = frozenset({"Ingress", "Egress"})
    silent: Outcome = Outcome.TIMEOUT
    time: float = 0.0
    policies: dict = field(default_factory=dict)
    log: list = field(default_factory=list)
    timeouts: list = field(default_factory=list)
    """Of each round's packets."""
    broken: bool = False
    """Whether probes do not run while a policy is there."""
    lose: int = -1
    """Which round loses one packet each way, counted from 0."""
    rounds: int = 0
    reachable: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: list = field(default_factory=list)
    """What was told as soon as both ways were closed, each with what had been done until then."""

    def create(self, policy):
        self.log.append(f"create {policy['metadata']['name']}")
        self.policies[policy["spec"]["policyTypes"][0]] = (True, self.time)

    def delete(self, policy):
        self.log.append(f"delete {policy['metadata']['name']}")
        self.policies[policy["spec"]["policyTypes"][0]] = (False, self.time)

    def denied(self, direction):
        there, since = self.policies.get(direction, (False, -100.0))
        settled = self.time - since >= self.delay
        return direction in self.enforces and there == settled

    def outcome(self, source, number):
        direction = "Egress" if source is GUARDED else "Ingress"
        if self.broken and any(there for there, _ in self.policies.values()):
            return Outcome.ERROR
        lost = number == 1 and self.rounds // 2 == self.lose
        closed = not self.reachable or self.denied(direction) or lost
        return self.silent if closed else Outcome.OPEN

    def ask(self, source, probes):
        with self.lock:
            found = {
                probe.key: Answer(key=probe.key, outcome=self.outcome(source, n), detail="cut")
                for n, probe in enumerate(probes)
            }
            self.rounds += 1
            self.timeouts.append(probes[0].timeout)
            return found

    def sleep(self, seconds):
        self.time += seconds

    def prove(self):
        return Canary(
            ask=self.ask,
            writer=self,
            free=FREE,
            guarded=GUARDED,
            labels={"npol.dev/canary": "guarded"},
            port=8099,
            clock=Clock(now=lambda: self.time, sleep=self.sleep),
        ).prove(lambda outcomes: self.told.append((outcomes, list(self.log))))


WRITES = [
    "create npol-canary-ingress",
    "create npol-canary-egress",
    "delete npol-canary-ingress",
    "delete npol-canary-egress",
]


def test_a_cluster_that_enforces_is_proven_with_seconds():
    cluster = Cluster(delay=1.2)

    proof = cluster.prove()

    assert proof.closed_after == pytest.approx(1.2, abs=0.3)
    assert proof.opened_after == pytest.approx(1.2, abs=0.3)
    assert proof.denial == {Outcome.TIMEOUT}
    assert str(proof).startswith("proven by a canary between two nodes: deny-all took effect")
    assert cluster.log == WRITES


def test_what_a_denied_packet_sees_is_told_before_the_policies_are_deleted():
    cluster = Cluster(delay=1.2)

    proof = cluster.prove()

    assert cluster.told == [(proof.denial, WRITES[:2])]


def test_a_short_silence_counts_once_a_long_one_has_followed():
    cluster = Cluster(delay=0.0)

    cluster.prove()

    before, short, long, after = cluster.timeouts[::2]
    assert before == short == after < long == PROBE_TIMEOUT


def test_where_answers_take_long_rounds_wait_longer():
    cluster = Cluster(reachable=False)

    with pytest.raises(UnknownVerdict):
        cluster.prove()

    assert cluster.timeouts == sorted(cluster.timeouts)
    assert cluster.timeouts[-1] == PROBE_TIMEOUT


def test_the_outcome_of_a_denied_packet_is_learnt_from_the_canary():
    assert Cluster(silent=Outcome.REFUSED).prove().denial == {Outcome.REFUSED}


@pytest.mark.parametrize(
    ("enforces", "words"),
    [
        ((), "ingress: open; egress: open"),
        (["Ingress"], "ingress: timeout; egress: open"),
        (["Egress"], "ingress: open; egress: timeout"),
    ],
)
def test_a_cluster_that_does_not_enforce_is_refused_and_left_clean(enforces, words):
    cluster = Cluster(enforces=frozenset(enforces))

    with pytest.raises(Refused, match=f"NetworkPolicies are not enforced here: .*{words}"):
        cluster.prove()

    assert cluster.log == WRITES


def test_probes_that_do_not_run_prove_nothing():
    cluster = Cluster(broken=True, enforces=frozenset())

    with pytest.raises(UnknownVerdict, match="could not be asked: cut"):
        cluster.prove()

    assert cluster.log == WRITES


@pytest.mark.parametrize("lost", range(4))
def test_one_lost_packet_is_no_denial(lost):
    with pytest.raises(Refused, match="not enforced here"):
        Cluster(enforces=frozenset(), lose=lost).prove()


def test_pods_that_never_reach_each_other_prove_nothing():
    cluster = Cluster(reachable=False)

    with pytest.raises(UnknownVerdict, match=r"before any policy .* do not reach each other"):
        cluster.prove()

    assert cluster.log == []


def test_a_writer_that_fails_leaves_no_policy():
    class Failing(Cluster):
        def create(self, policy):
            super().create(policy)
            if "egress" in policy["metadata"]["name"]:
                raise Refused("no")

    cluster = Failing()

    with pytest.raises(Refused, match="no"):
        cluster.prove()

    assert cluster.log == WRITES
