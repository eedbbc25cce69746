"""
The proof that policies bite here: two pods of our own, deny-all, packets that stop and return.

Nothing in the API says whether anything enforces NetworkPolicies. So before the story's own
policies are touched the pods reach each other, and under deny-all ingress and egress of one of
them both ways close; before a step is told that changed something both are open again without
them. Each way proves one direction: into the guarded pod only ingress forbids, out of it only
egress. Pods, packets and journal are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from npol.errors import NotEnforced, UnknownVerdict
from npol.kube.objects import Object
from npol.kube.retry import Clock
from npol.model.expectation import CLOSED, Outcome
from npol.model.probe import Answer, PodRef, Probe, ProbeKind

POLL = 0.2
"""Seconds between two rounds."""
PACKETS = 3
"""Probes for each way and round; all must agree, so one lost packet is no denial."""
PROBE_TIMEOUT = 0.9
"""Seconds; below the first retransmission of a SYN."""
FIRST_TIMEOUT, LONGER = 0.3, 1.5
"""
Seconds that a round waits at first, as one that meets a change half way proves nothing and costs
its timeout; and how many times longer the next one where answers are slow, up to `PROBE_TIMEOUT`.
"""

Ask = Callable[[PodRef, Sequence[Probe]], Mapping[str, Answer]]
"""Asks probes from a source: one answer for each probe's key. Called from several threads."""


class Writer(Protocol):
    """Writes the canary's policies; whoever journals does it here."""

    def create(self, policy: Object) -> object: ...

    def delete(self, policy: Object) -> object:
        """Delete it; an object that is gone already is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementProof:
    """Policies bite: how fast, and what a denied packet sees."""

    closed_after: float
    """Seconds from the creation of a deny-all to the last open answer, the slower direction."""
    opened_after: float
    denial: frozenset[Outcome]
    """The outcomes seen under deny-all."""
    where: str = ""
    """The nodes of the two pods."""

    def __str__(self) -> str:
        seen = ", ".join(sorted(o.value for o in self.denial))
        place = f" {self.where}" if self.where else ""
        return (
            f"proven by a canary{place}: deny-all took effect within {self.closed_after:.1f} s "
            f"({seen}), its removal within {self.opened_after:.1f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """
    One proof with two pods that answer on `port`.

    `labels` are what the guarded pod carries, and nothing else in its namespace.
    """

    ask: Ask
    writer: Writer
    free: PodRef
    guarded: PodRef
    labels: Mapping[str, str]
    port: int
    clock: Clock
    within: float = 30.0
    """Seconds that each change may take."""

    def prove(self, denied: Callable[[frozenset[Outcome]], object]) -> EnforcementProof:
        """
        `denied` is told the outcomes seen under deny-all once both ways are closed.

        Raises:
            NotEnforced: NetworkPolicies are not enforced here.
            UnknownVerdict: nothing was proven; probes did not run, or the pods never reached
                each other.
        """
        self._wait(closed=False, when="before any policy")
        policies = [self._deny_all("Ingress"), self._deny_all("Egress")]
        try:
            for policy in policies:
                self.writer.create(policy)
            closed_after, denial = self._wait(closed=True, when="under deny-all")
            denied(denial)
        finally:
            for policy in policies:
                self.writer.delete(policy)
        opened_after, _ = self._wait(closed=False, when="after deny-all was deleted")
        same = self.free.node == self.guarded.node
        return EnforcementProof(
            closed_after=closed_after,
            opened_after=opened_after,
            denial=denial,
            where="on one node" if same else "between two nodes",
        )

    def _wait(self, *, closed: bool, when: str) -> tuple[float, frozenset[Outcome]]:
        """Seconds to the last answer that was not the wanted one, and the outcomes seen."""
        wanted = CLOSED if closed else {Outcome.OPEN}
        started, late, timeout = self.clock.now(), 0.0, FIRST_TIMEOUT
        while True:
            asked_at = self.clock.now()
            ways = self._round(timeout)
            answers = [answer for way in ways.values() for answer in way]
            if all(answer.outcome in wanted for answer in answers):
                if timeout == PROBE_TIMEOUT or not closed:
                    return late, frozenset(answer.outcome for answer in answers)
                timeout = PROBE_TIMEOUT  # a short silence is none before a long one follows
                continue
            if not closed or any(answer.outcome is Outcome.ERROR for answer in answers):
                timeout = min(PROBE_TIMEOUT, LONGER * timeout)
            late = self.clock.now() - started
            if late > self.within:
                raise _given_up(ways, closed=closed, when=f"{late:.0f} s {when}")
            self.clock.sleep(max(0.0, asked_at + POLL - self.clock.now()))

    def _round(self, timeout: float) -> dict[str, list[Answer]]:
        """Both ways at once, each by its direction."""
        ways = {"ingress": (self.free, self.guarded), "egress": (self.guarded, self.free)}
        with ThreadPoolExecutor(len(ways)) as pool:
            asked = {name: pool.submit(self._ask, *way, timeout) for name, way in ways.items()}
            return {name: future.result() for name, future in asked.items()}

    def _ask(self, source: PodRef, target: PodRef, timeout: float) -> list[Answer]:
        probes = [
            Probe(
                key=f"canary-{number}",
                kind=ProbeKind.CONNECT,
                address=target.ip,
                port=self.port,
                timeout=timeout,
            )
            for number in range(PACKETS)
        ]
        answers = self.ask(source, probes)
        return [answers[probe.key] for probe in probes]

    def _deny_all(self, direction: str) -> dict[str, Any]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": f"npol-canary-{direction.lower()}",
                "namespace": self.guarded.namespace,
                "labels": {"app.kubernetes.io/managed-by": "npol"},
            },
            "spec": {"podSelector": {"matchLabels": dict(self.labels)}, "policyTypes": [direction]},
        }


def _given_up(ways: Mapping[str, Sequence[Answer]], *, closed: bool, when: str) -> Exception:
    broken = next((a for way in ways.values() for a in way if a.outcome is Outcome.ERROR), None)
    if broken:
        return UnknownVerdict(f"the canary could not be asked: {broken.detail}")
    seen = {name: sorted({a.outcome.value for a in way}) for name, way in ways.items()}
    words = "; ".join(f"{name}: {', '.join(outcomes)}" for name, outcomes in seen.items())
    hint = "`npol doctor` shows the engine, its agents, and policies of other kinds"
    if closed:
        return NotEnforced(
            f"NetworkPolicies are not enforced here: {when} the canary's packets still pass "
            f"({words})",
            hint=hint,
        )
    return UnknownVerdict(f"{when} the canary's pods do not reach each other ({words})", hint=hint)
