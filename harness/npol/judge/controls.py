"""What makes a silence count as a denial, and what is missing of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from npol.judge.verdict_reasons import (
    reason_of,
)
from npol.model.expectation import Outcome
from npol.model.probe import Answer
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence
from npol.model.sending import Sending

SILENCE = frozenset({Outcome.TIMEOUT})
"""What a denied connection looks like unless a canary showed something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What makes a silence count as a denial."""

    source: Answer | None = None
    """The source asking itself, in the same round."""
    sending: Sending = Sending.SHOWN
    sending_over: int = 0
    """The IP family that `sending` is about, where the flow has two."""
    alive: Mapping[str, str] = field(default_factory=dict)
    """Subject of each target address -> how we know that it lives; missing: we do not."""
    refusing: Collection[str] = ()
    """Subjects that are known to refuse whom they hear: another refusal is no silence."""
    dns_alive: str = ""
    """How we know that the cluster's DNS answers somebody; "" for not at all."""
    denial: Collection[Outcome] = SILENCE
    addresses: Collection[str] = ()
    """What the target's name may resolve to: its ClusterIP, or its pods'; empty: not known."""
    own_name: bool = False
    """Whether the name is the cluster's own: its DNS server asks nobody else for it."""


def no_source(controls: Controls) -> Reason | None:
    code, own = ReasonCode.SOURCE_NOT_PROVEN, controls.source
    if own is None:
        return Reason(code=code)
    if own.outcome not in (Outcome.OPEN, Outcome.REFUSED):
        return reason_of(code, own)
    if controls.sending is Sending.SHOWN:
        return None
    return Reason(code=code, sending=controls.sending, family=controls.sending_over)


def no_dns(controls: Controls) -> Reason | None:
    return None if controls.dns_alive else Reason(code=ReasonCode.DNS_NOT_PROVEN)


def no_target(addresses: Sequence[Evidence], controls: Controls) -> Reason | None:
    """Without a subject where there is no address at all."""
    dead = next((e.subject for e in addresses if e.subject not in controls.alive), "")
    if addresses and not dead:
        return None
    return Reason(code=ReasonCode.TARGET_NOT_PROVEN, subject=dead)
