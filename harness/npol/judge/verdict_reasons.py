"""Why a flow's verdict is what it is, of what its probes saw."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from npol.judge.one_family import one_family_open
from npol.model.expectation import Outcome
from npol.model.probe import Answer, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence
from npol.model.seen_outcome import SeenOutcome


def held(seen: Answer) -> Reason:
    return Reason(code=ReasonCode.HELD, said=seen.detail)


_NOT_THERE = (Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.DNS_NEGATIVE)


def is_behind(seen: Answer, evidence: Sequence[Evidence]) -> bool:
    """
    Whether a Service is said not to be there while each of its pods answers: nodes and DNS servers
    learn of a new one some time after the API has it, so more samples may say otherwise.
    """
    pods = [e.answer.outcome for e in evidence if e.role is Role.POD]
    return seen.outcome in _NOT_THERE and bool(pods) and set(pods) == {Outcome.OPEN}


def foreign_address(evidence: Sequence[Evidence], addresses: Collection[str]) -> Reason | None:
    """An application goes where DNS sends it; addresses are asked as the API tells them."""
    names = [e for e in evidence if e.role is Role.NAME]
    if not names or not addresses:
        return None
    name = names[0]
    foreign = sorted({a for e in names for a in e.answer.addresses} - set(addresses))
    if not foreign:
        return None
    return Reason(
        code=ReasonCode.FOREIGN_ADDRESS,
        subject=name.subject,
        names=tuple(foreign),
        wanted=tuple(sorted(addresses)),
    )


def closed_endpoint(evidence: Sequence[Evidence]) -> Evidence | None:
    """A ready endpoint that does not answer: a Service passes some connections to it."""
    pods = (e for e in evidence if e.role is Role.POD)
    return next((e for e in pods if e.answer.outcome is not Outcome.OPEN), None)


def which_of_several(closed: Evidence, evidence: Sequence[Evidence]) -> Reason:
    pods = [e for e in evidence if e.role is Role.POD]
    return reason_of(
        ReasonCode.ENDPOINT_CLOSED,
        closed.answer,
        subject=closed.subject,
        count=sum(e.answer.outcome is Outcome.OPEN for e in pods),
        total=len(pods),
    )


_CLOSED_CODES = {
    Outcome.DNS_TIMEOUT: ReasonCode.DNS_BLOCKED,
    Outcome.DNS_NEGATIVE: ReasonCode.NO_SUCH_NAME,
    Outcome.REFUSED: ReasonCode.REFUSED,
}


def why_closed(seen: Answer, evidence: Sequence[Evidence]) -> Reason:
    code = _CLOSED_CODES.get(seen.outcome, ReasonCode.CLOSED)
    if code is ReasonCode.DNS_BLOCKED:
        addresses = [e for e in evidence if e.role is not Role.NAME]
        every = all(e.answer.outcome is Outcome.OPEN for e in addresses)
        return Reason(code=code, count=len(addresses) if every else 0)
    if code is not ReasonCode.CLOSED:
        return Reason(code=code)
    opened = [e for e in evidence if e.answer.outcome is Outcome.OPEN]
    pods = [e for e in evidence if e.role is Role.POD]
    names = tuple(e.subject for e in evidence if e.role is Role.NAME)
    others = len(opened) if any(e.role is Role.POD for e in opened) else 0
    return Reason(code=code, count=others, total=len(pods), names=names)


def why_open(evidence: Sequence[Evidence]) -> Reason:
    if reason := one_family_open(evidence):
        return reason
    subjects = ", ".join(e.subject for e in evidence if e.answer.outcome is Outcome.OPEN)
    return Reason(code=ReasonCode.OPEN, subject=subjects)


def reason_of(
    code: ReasonCode,
    answer: Answer,
    *,
    subject: str = "",
    wanted: tuple[str, ...] = (),
    count: int = 0,
    total: int = 0,
) -> Reason:
    seen = SeenOutcome(outcome=answer.outcome, status=answer.status)
    return Reason(code=code, subject=subject, seen=(seen,), wanted=wanted, count=count, total=total)
