"""The canary against a cluster of a few lines: time and packets are the test's."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness.cluster.canary import Canary, Pair
from harness.cluster.retry import Clock
from harness.errors import Refused, UnknownVerdict
from harness.model.expectation import Outcome
from harness.model.probe import Answer, PodRef


def pod(name):
    return PodRef(namespace="npol-system", name=name, uid=name, ip="10.0.0.1")


@dataclass
class Cluster:
    """Enforces after `delay` seconds what is written; each probe takes 0.1 s."""

    delay: float = 0.5
    enforces: frozenset = frozenset({"Ingress", "Egress"})
    silent: Outcome = Outcome.TIMEOUT
    time: float = 0.0
    policies: dict = field(default_factory=dict)
    log: list = field(default_factory=list)
    broken: bool = False
    """Whether probes do not run while a policy is there."""
    lose: int = -1
    """Which probe is lost on its way, counted from 0."""
    asked: int = 0
    reachable: bool = True

    def create(self, policy):
        self.log.append(f"create {policy['metadata']['name']}")
        self.policies[policy["spec"]["policyTypes"][0]] = (True, self.time)

    def delete(self, policy):
        self.log.append(f"delete {policy['metadata']['name']}")
        self.policies[policy["spec"]["policyTypes"][0]] = (False, self.time)

    def denied(self, direction):
        there, since = self.policies.get(direction, (False, 0.0))
        settled = self.time - since >= self.delay
        return direction in self.enforces and there == settled

    def ask(self, source, probes):
        self.time += 0.1
        closed = not self.reachable or any(
            self.denied(d) for d in ("Ingress", "Egress") if d in self.policies
        )
        outcome = self.silent if closed or self.asked == self.lose else Outcome.OPEN
        if self.broken and any(there for there, _ in self.policies.values()):
            outcome = Outcome.ERROR
        self.asked += 1
        return {p.key: Answer(key=p.key, outcome=outcome, detail="cut") for p in probes}

    def sleep(self, seconds):
        self.time += seconds

    def canary(self):
        return Canary(
            ask=self.ask,
            writer=self,
            pairs=[Pair(source=pod("a"), target=pod("b"), port=8080)],
            source_labels={"role": "source"},
            target_labels={"role": "target"},
            clock=Clock(now=lambda: self.time, sleep=self.sleep),
        )


WRITES = [
    "create npol-canary-ingress",
    "delete npol-canary-ingress",
    "create npol-canary-egress",
    "delete npol-canary-egress",
]


def test_a_cluster_that_enforces_is_proven_with_seconds():
    cluster = Cluster(delay=1.2)

    proof = cluster.canary().prove()

    assert proof.closed_after == pytest.approx(1.2, abs=0.4)
    assert proof.opened_after == pytest.approx(1.2, abs=0.4)
    assert proof.denial == {Outcome.TIMEOUT}
    assert str(proof).startswith("proven by a canary: deny-all took effect within 1.")
    assert cluster.log == WRITES


def test_what_a_denied_packet_sees_is_learnt():
    assert Cluster(silent=Outcome.REFUSED).canary().prove().denial == {Outcome.REFUSED}


@pytest.mark.parametrize(("enforces", "direction"), [({}, "ingress"), ({"Ingress"}, "egress")])
def test_a_cluster_that_does_not_enforce_is_refused_and_left_clean(enforces, direction):
    cluster = Cluster(enforces=frozenset(enforces))

    with pytest.raises(
        Refused, match=f"not enforced here: under a policy that denies all {direction}"
    ):
        cluster.canary().prove()

    assert cluster.log == WRITES[: 2 if direction == "ingress" else 4]


def test_probes_that_do_not_run_prove_nothing():
    cluster = Cluster(broken=True, enforces=frozenset())

    with pytest.raises(UnknownVerdict, match=r"could not be asked .*: cut"):
        cluster.canary().prove()

    assert cluster.log == WRITES[:2]


@pytest.mark.parametrize("lost", range(2, 6))
def test_one_lost_packet_is_no_denial(lost):
    with pytest.raises(Refused, match="denies all ingress"):
        Cluster(enforces=frozenset(), lose=lost).canary().prove()


def test_pods_that_never_reach_each_other_are_no_denial():
    cluster = Cluster(reachable=False)

    with pytest.raises(Refused, match="do not reach each other"):
        cluster.canary().prove()

    assert cluster.log == []
