"""
The proof that policies bite here: own pods, a deny-all, and packets that stop and come back.

Nothing in the API says whether anything enforces NetworkPolicies. So before the story's own
policies are touched: baseline open, deny-all ingress must close it, without it it opens
again; the same for egress. Pods, packets and journal are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.cluster.objects import Object
from harness.cluster.retry import Clock
from harness.errors import Refused, UnknownVerdict
from harness.model.expectation import CLOSED, Outcome
from harness.model.probe import Answer, PodRef, Probe, ProbeKind

POLL = 0.2
"""Seconds between two rounds."""
STABLE = 2
"""Equal rounds that make an answer final."""
PROBE_TIMEOUT = 1.0

Ask = Callable[[PodRef, Sequence[Probe]], Mapping[str, Answer]]
"""Asks probes from a source: one answer for each probe's key."""


class Writer(Protocol):
    """Writes the canary's policies; whoever journals does it here."""

    def create(self, policy: Object) -> None: ...

    def delete(self, policy: Object) -> None:
        """Delete it; an object that is gone already is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One source and one target that answers on a TCP port."""

    source: PodRef
    target: PodRef
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Policies bite: how fast, and what a denied packet sees."""

    closed_after: float
    """Seconds from the creation of a deny-all to the last open answer, the slower direction."""
    opened_after: float
    denial: frozenset[Outcome]
    """The outcomes seen under deny-all."""

    def __str__(self) -> str:
        seen = ", ".join(sorted(o.value for o in self.denial))
        return (
            f"proven by a canary: deny-all took effect within {self.closed_after:.1f} s "
            f"({seen}), its removal within {self.opened_after:.1f} s"
        )


@dataclass(slots=True)
class Canary:
    """
    One proof in one namespace.

    `labels` are what all sources, and all targets, carry and nothing else there does.
    """

    ask: Ask
    writer: Writer
    pairs: Sequence[Pair]
    source_labels: Mapping[str, str]
    target_labels: Mapping[str, str]
    clock: Clock
    within: float = 30.0
    """Seconds that each change may take."""

    def prove(self) -> Proof:
        """
        Raises:
            Refused: NetworkPolicies are not enforced here, or the pods never reached each other.
            UnknownVerdict: the probes did not run.
        """
        namespace = self.pairs[0].target.namespace
        self._wait_for(closed=False, what="the canary's pods do not reach each other")
        ingress = _deny_all("Ingress", namespace, self.target_labels)
        egress = _deny_all("Egress", namespace, self.source_labels)
        first, second = self._bite(ingress), self._bite(egress)
        return Proof(
            closed_after=max(first.closed_after, second.closed_after),
            opened_after=max(first.opened_after, second.opened_after),
            denial=first.denial | second.denial,
        )

    def _bite(self, policy: Object) -> Proof:
        direction = policy["spec"]["policyTypes"][0].lower()
        try:
            self.writer.create(policy)
            seconds, denial = self._wait_for(
                closed=True,
                what=f"NetworkPolicies are not enforced here: under a policy that denies all "
                f"{direction} the canary's pods still reach each other",
            )
        finally:
            self.writer.delete(policy)
        opened, _ = self._wait_for(
            closed=False,
            what=f"the canary's policy against all {direction} is gone, and its pods still do not "
            "reach each other",
        )
        return Proof(closed_after=seconds, opened_after=opened, denial=denial)

    def _wait_for(self, *, closed: bool, what: str) -> tuple[float, frozenset[Outcome]]:
        """Seconds to the last answer that was not the wanted one, and the outcomes seen."""
        started = self.clock.now()
        changed, equal, answers = 0.0, 0, self._round()
        while True:
            if _all(answers, closed=closed):
                equal += 1
            else:
                changed, equal = self.clock.now() - started, 0
            if equal == STABLE:
                return changed, frozenset(a.outcome for a in answers)
            if self.clock.now() - started > self.within:
                raise _given_up(answers, f"{what} after {self.within:g} s")
            self.clock.sleep(POLL)
            answers = self._round()

    def _round(self) -> list[Answer]:
        found = []
        for pair in self.pairs:
            key = f"{pair.source} -> {pair.target}"
            probe = Probe(
                key=key,
                kind=ProbeKind.CONNECT,
                address=pair.target.ip,
                port=pair.port,
                timeout=PROBE_TIMEOUT,
            )
            found.append(self.ask(pair.source, [probe])[key])
        return found


def _all(answers: Sequence[Answer], *, closed: bool) -> bool:
    wanted = CLOSED if closed else {Outcome.OPEN}
    return all(answer.outcome in wanted for answer in answers)


def _given_up(answers: Sequence[Answer], what: str) -> Exception:
    broken = next((a for a in answers if a.outcome is Outcome.ERROR), None)
    if broken:
        return UnknownVerdict(f"the canary could not be asked ({broken.key}): {broken.detail}")
    seen = "; ".join(f"{a.key}: {a.outcome.value}" for a in answers)
    return Refused(
        f"{what} ({seen})",
        hint="`npol doctor` shows the engine, its agents, and policies of other kinds",
    )


def _deny_all(direction: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"npol-canary-{direction.lower()}",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "npol"},
        },
        "spec": {"podSelector": {"matchLabels": dict(labels)}, "policyTypes": [direction]},
    }
