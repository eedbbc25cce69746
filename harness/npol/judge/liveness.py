"""
What is known to be alive: the memory that makes a silence count as a denial.

An address counts as alive when it was seen open in this story and its pod, with the same
uid, is still Ready; when another source reaches it in this very round; or when its pod
reaches it from inside. A pod that was asked from inside and is silent there is not alive,
whatever it did before. Where a story expects `refused` and sees it, the target's host has
answered: that is as good as open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from npol.model.expectation import Outcome
from npol.model.probe import ADDRESSES, Answer, PodRef, Role
from npol.model.result import Evidence
from npol.model.story import Flow, Protocol
from npol.model.target import Backend, Target

_Address = tuple[str, int, Protocol]


@dataclass(frozen=True, slots=True)
class _Sign:
    """What an address did that shows its life, in which step, and the uid of its pod or ""."""

    uid: str
    outcome: Outcome
    step: str

    def __str__(self) -> str:
        return f"{self.outcome.value} in step {self.step!r}"


@dataclass(slots=True)
class LivenessRecord:
    """One story's memory of what answered, and when."""

    _answered: dict[_Address, _Sign] = field(default_factory=dict)
    """The last sign of life of each address."""
    _dns: str = ""
    _sent: dict[tuple[str, int], tuple[str, float]] = field(default_factory=dict)
    """By a source's uid and IP family: the last sign that what it sends arrives, and when."""

    def note(self, step: str, flow: Flow, target: Target | None, found: Iterable[Evidence]) -> None:
        """Remember every address of a flow that answered, and that names resolved."""
        for evidence in found:
            if not _answers(evidence, flow):
                continue
            if evidence.role is Role.NAME:
                self._dns = f"names resolved in step {step!r}"
            elif target and evidence.role in ADDRESSES:
                uid = _uid(_backend_of(evidence, target))
                self._answered[_asked(flow, evidence)] = _Sign(uid, evidence.answer.outcome, step)

    def note_sending(
        self,
        source: PodRef,
        found: Iterable[Evidence],
        now: float,
        denial: Collection[Outcome] = (),
    ) -> frozenset[int]:
        """
        The IP families that a source's probes show it to send over across the network; remembered.
        A name that it was told shows besides that the cluster's DNS answers.

        `denial` are outcomes that the source's own node may give for what it denies.
        """
        heard: dict[int, str] = {}
        for e in found:
            self._dns = f"{e.subject} has resolved" if e.answer.addresses else self._dns
            if e.answer.outcome not in denial and _came_back(e, source):
                sign = f"{e.subject} was {e.answer.outcome.value}"
                heard.setdefault(source.family_towards(e.address), sign)
        self._sent |= {(source.uid, family): (sign, now) for family, sign in heard.items()}
        return frozenset(heard)

    def has_sent(self, source: PodRef, family: int) -> bool:
        """Whether anything in this story has shown that a source can send over a family."""
        return (source.uid, family) in self._sent

    def dns_alive(self) -> str:
        """How we know that the cluster's DNS answers; "" for not at all."""
        return self._dns

    def unknown(self, flow: Flow, target: Target) -> tuple[Backend, ...]:
        """The target's pods of which nothing shows that they live: ask them themselves."""
        return tuple(b for b in target.backends if b.pod and not self._why(flow, b))

    def proof_of_sending(self, source: PodRef, now: float, families: Sequence[int] = ()) -> str:
        """The last sign in this story that a source can send, and its age; or that none is."""
        several = families if len(families) > 1 else ()
        said = [f"over IPv{f} {self._proof(source, now, f)}" for f in several]
        alone = families[0] if families else source.family_towards("")
        return "; ".join(said) or self._proof(source, now, alone)

    def _proof(self, source: PodRef, now: float, family: int) -> str:
        if not self.has_sent(source, family):
            return "nothing has shown in this story that it can send"
        sign, at = self._sent[source.uid, family]
        return f"it can send: {sign}, {max(0.0, now - at):.0f} s before"

    def alive(
        self, flow: Flow, target: Target, found: Iterable[Evidence], itself: Mapping[str, Answer]
    ) -> dict[str, str]:
        """
        Subject of each address of a flow -> how we know that it lives.

        `itself` has the answers of pods that were asked from inside, by `ip:port`.
        """
        living: dict[str, str] = {}
        for evidence in found:
            if evidence.role is Role.SERVICE:
                living |= self._service(flow, target, evidence.subject, itself)
            elif evidence.role in ADDRESSES:
                backend = _backend_of(evidence, target)
                why = self._lives(flow, backend, itself) if backend else ""
                living |= {evidence.subject: why} if why else {}
        return living

    def remembered(self, flow: Flow, target: Target, itself: Mapping[str, Answer]) -> bool:
        """Whether a pod of a target counts as alive for what was seen of it before this round."""
        return any(
            b.pod and self._why(flow, b) and _said(itself, b) is None for b in target.backends
        )

    def _service(
        self, flow: Flow, target: Target, subject: str, itself: Mapping[str, Answer]
    ) -> dict[str, str]:
        """A ClusterIP lives when every pod behind it does."""
        reasons = [self._lives(flow, b, itself) for b in target.backends]
        return {subject: "its pods are alive"} if reasons and all(reasons) else {}

    def _lives(self, flow: Flow, backend: Backend, itself: Mapping[str, Answer]) -> str:
        """What it says itself, in this round, counts more than what it did before."""
        inside = _said(itself, backend)
        if inside is None:
            return self._why(flow, backend)
        if inside.outcome is Outcome.OPEN:
            return "it answers itself"
        sign = self._answered.get((backend.ip, backend.port, flow.protocol))
        return self._why(flow, backend) if sign and sign.outcome is inside.outcome else ""

    def _why(self, flow: Flow, backend: Backend) -> str:
        sign = self._answered.get((backend.ip, backend.port, flow.protocol))
        if sign is None:
            return ""
        if backend.pod is None:
            return str(sign)
        if backend.pod.uid != sign.uid or not (backend.pod.ready or backend.pod.host_network):
            return ""
        return f"{sign}, and its pod is still Ready"

    def refusing(self, flow: Flow, found: Iterable[Evidence]) -> frozenset[str]:
        """Subjects of a flow's addresses that refuse whom they hear, as the story has shown."""
        return frozenset(
            e.subject
            for e in found
            if (sign := self._answered.get(_asked(flow, e))) and sign.outcome is Outcome.REFUSED
        )


def _said(itself: Mapping[str, Answer], backend: Backend) -> Answer | None:
    """What a pod that was asked from inside has answered; an error is no answer."""
    inside = itself.get(str(backend))
    return None if inside is None or inside.outcome is Outcome.ERROR else inside


def _asked(flow: Flow, evidence: Evidence) -> _Address:
    return evidence.address, evidence.port, flow.protocol


def _backend_of(evidence: Evidence, target: Target) -> Backend | None:
    """The backend that was asked; None for a ClusterIP."""
    asked = evidence.address, evidence.port
    return next((b for b in target.backends if (b.ip, b.port) == asked), None)


def _came_back(evidence: Evidence, source: PodRef) -> bool:
    """
    Whether an answer came from another pod or host. A ClusterIP's refusal is the source's own
    node's, and its own address needs no network.
    """
    outcome = evidence.answer.outcome
    if evidence.address in source.ips:
        return False
    if outcome is Outcome.REFUSED:
        return evidence.role not in (Role.SERVICE, Role.NAME)
    return outcome in (Outcome.OPEN, Outcome.DNS_NEGATIVE)


def _uid(backend: Backend | None) -> str:
    return backend.pod.uid if backend and backend.pod else ""


def _answers(evidence: Evidence, flow: Flow) -> bool:
    """
    A refusal is a policy's in some engines, and the host's only where one was expected.

    Over UDP none counts: kernels answer once a second and peer (`net.ipv4.icmp_ratelimit`).
    """
    if evidence.answer.outcome is Outcome.REFUSED:
        expected = flow.expect.outcome is Outcome.REFUSED and flow.protocol is Protocol.TCP
        return expected and evidence.role in (Role.POD, Role.HOST)
    return evidence.answer.outcome is Outcome.OPEN
