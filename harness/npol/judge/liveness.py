"""
What is known to be alive: the memory that makes a silence count as a denial.

An address counts as alive when it was seen open in this story and its pod, with the same
uid, is still Ready; when another source reaches it in this very round; or when its pod
reaches it from inside. Where a story expects `refused` and sees it, the target's host has
answered: that is as good as open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from npol.model.expectation import Outcome
from npol.model.probe import Answer, Role
from npol.model.result import Evidence
from npol.model.story import Flow, Protocol
from npol.model.target import Backend, Target

_ADDRESSES = (Role.SERVICE, Role.POD, Role.HOST)


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

    _answered: dict[str, _Sign] = field(default_factory=dict)
    """By address: the last sign of its life."""
    _dns: str = ""

    def note(self, step: str, flow: Flow, target: Target | None, found: Iterable[Evidence]) -> None:
        """Remember every address of a flow that answered, and that names resolved."""
        for evidence in found:
            if not _answers(evidence, flow):
                continue
            if evidence.role is Role.NAME:
                self._dns = f"names resolved in step {step!r}"
            elif target and evidence.role in _ADDRESSES:
                sign = _Sign(self._uid(evidence.subject, target), evidence.answer.outcome, step)
                self._answered[self._address(flow, evidence.subject)] = sign

    def dns_alive(self) -> str:
        """How we know that the cluster's DNS answers; "" for not at all."""
        return self._dns

    def unknown(self, flow: Flow, target: Target) -> tuple[Backend, ...]:
        """The target's pods of which nothing shows that they live: ask them themselves."""
        return tuple(b for b in target.backends if b.pod and not self._why(flow, b))

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
            elif evidence.role in _ADDRESSES:
                backend = next(b for b in target.backends if evidence.subject.endswith(f" {b}"))
                why = self._why(flow, backend) or _from_inside(backend, itself)
                living |= {evidence.subject: why} if why else {}
        return living

    def _service(
        self, flow: Flow, target: Target, subject: str, itself: Mapping[str, Answer]
    ) -> dict[str, str]:
        """A ClusterIP lives when every pod behind it does."""
        reasons = [self._why(flow, b) or _from_inside(b, itself) for b in target.backends]
        return {subject: "its pods are alive"} if reasons and all(reasons) else {}

    def _why(self, flow: Flow, backend: Backend) -> str:
        sign = self._answered.get(self._address(flow, f" {backend}"))
        if sign is None:
            return ""
        if backend.pod is None:
            return str(sign)
        if backend.pod.uid != sign.uid or not (backend.pod.ready or backend.pod.host_network):
            return ""
        return f"{sign}, and its pod is still Ready"

    def _address(self, flow: Flow, subject: str) -> str:
        return f"{subject.rsplit(' ', 1)[-1]}/{flow.protocol.value}"

    def refusing(self, flow: Flow, found: Iterable[Evidence]) -> frozenset[str]:
        """Subjects of a flow's addresses that refuse whom they hear, as the story has shown."""
        return frozenset(
            e.subject
            for e in found
            if (sign := self._answered.get(self._address(flow, e.subject)))
            and sign.outcome is Outcome.REFUSED
        )

    def _uid(self, subject: str, target: Target) -> str:
        pods = (b.pod.uid for b in target.backends if b.pod and subject.endswith(f" {b}"))
        return next(pods, "")


def _answers(evidence: Evidence, flow: Flow) -> bool:
    """
    A refusal is a policy's in some engines, and the host's only where one was expected.

    Over UDP none counts: kernels answer once a second and peer (`net.ipv4.icmp_ratelimit`).
    """
    if evidence.answer.outcome is Outcome.REFUSED:
        expected = flow.expect.outcome is Outcome.REFUSED and flow.protocol is Protocol.TCP
        return expected and evidence.role in (Role.POD, Role.HOST)
    return evidence.answer.outcome is Outcome.OPEN


def _from_inside(backend: Backend, itself: Mapping[str, Answer]) -> str:
    answer = itself.get(str(backend))
    return "it answers itself" if answer and answer.outcome is Outcome.OPEN else ""
