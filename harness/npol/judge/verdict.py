"""
How one flow's answers are judged. Pure, and the same for every engine.

allow is judged as the application sees it: the name resolves, then the address it got
answers. deny is judged by every address, needs the network's silence, and counts only with
its controls in the same round: the source reached itself, and the target is alive. A probe that the
data plane's records show to be dropped by policy needs neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from npol.judge.one_family import one_family_closed, one_family_open
from npol.judge.recorded import (
    audited,
    dropped,
    not_by_policy,
    not_enforced,
    weighed,
    why_not_by_policy,
)
from npol.model.expectation import Expectation, Outcome, Verdict, Word
from npol.model.probe import Answer, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence, Judgement
from npol.model.seen_outcome import SeenOutcome
from npol.model.sending import Sending
from npol.model.story import Flow, FlowKind

SILENCE = frozenset({Outcome.TIMEOUT})
"""What a denied connection looks like unless a canary showed something else."""
CUT = frozenset({Outcome.TIMEOUT, Outcome.RESET})
"""What a connection does that was open, and is cut."""
_DNS = (Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE)


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


def judge(
    flow: Flow,
    expectation: Expectation,
    evidence: Sequence[Evidence],
    controls: Controls,
    problem: Reason | None = None,
) -> Judgement:
    """One flow in one round; `problem` is why there was nothing to ask (`Target.problem`)."""
    seen = as_seen(evidence, flow)
    if problem or not evidence:
        return _unknown(seen, Reason(code=ReasonCode.NOTHING_TO_ASK, because=problem))
    if _resolved_only(flow, evidence):
        why = Reason(code=ReasonCode.ADDRESSES_NOT_ASKED)
        return _unknown(seen, Reason(code=ReasonCode.NOTHING_TO_ASK, because=why))
    if broken := _broken(evidence):
        starved = broken.answer.starved
        code = ReasonCode.SOURCE_STARVED if starved else ReasonCode.PROBE_FAILED
        code = ReasonCode.NOT_HELD if flow.hold else code
        reason = Reason(code=code, subject=broken.subject, said=broken.answer.detail)
        return _unknown(broken.answer, reason)
    if watched := audited(evidence):
        return not_enforced(expectation, watched)
    return weighed(_judged(flow, expectation, evidence, controls, seen), evidence)


def _resolved_only(flow: Flow, evidence: Sequence[Evidence]) -> bool:
    """Of a name that had no address when the round was planned."""
    name = worst_name(evidence)
    only_names = all(e.role is Role.NAME for e in evidence)
    resolves = name is not None and name.outcome is Outcome.OPEN
    return flow.kind is not FlowKind.DNS and only_names and resolves


def _judged(
    flow: Flow,
    expectation: Expectation,
    evidence: Sequence[Evidence],
    controls: Controls,
    seen: Answer,
) -> Judgement:
    if expectation.word in (Word.ALLOW, Word.HTTP):
        if foreign := _foreign_address(evidence, controls):
            return _wrong(seen, foreign)
        return _judge_allow(flow, expectation, evidence, seen)
    if flow.kind is FlowKind.DNS or expectation.outcome in _DNS:
        return _judge_name(expectation, evidence, controls, seen)
    if expectation.word is Word.OUTCOME and expectation.outcome is not Outcome.TIMEOUT:
        return _judge_exact(expectation, evidence, seen)
    return _judge_deny(expectation, evidence, controls, seen)


def as_seen(evidence: Sequence[Evidence], flow: Flow) -> Answer:
    """The answer that an application would have met: the name's failure, else the address."""
    name = worst_name(evidence)
    if flow.kind is FlowKind.DNS:
        return name or Answer(key=flow.key, outcome=Outcome.ERROR)
    if name and name.outcome is not Outcome.OPEN:
        return name
    addresses = [e for e in evidence if e.role is not Role.NAME]
    service = [e.answer for e in addresses if e.role is Role.SERVICE]
    answers = service or [e.answer for e in addresses]
    worst = [a for a in answers if a.outcome is not Outcome.OPEN]
    return next(iter(worst or answers), Answer(key=flow.key, outcome=Outcome.ERROR))


def worst_name(evidence: Sequence[Evidence]) -> Answer | None:
    """Of the look-ups of a name in each family: one that fails, if one does."""
    names = [e.answer for e in evidence if e.role is Role.NAME]
    return next((a for a in names if a.outcome is not Outcome.OPEN), next(iter(names), None))


def _broken(evidence: Sequence[Evidence]) -> Evidence | None:
    return next((e for e in evidence if e.answer.outcome is Outcome.ERROR), None)


def _judgement(verdict: Verdict, seen: Answer, reason: Reason | None = None) -> Judgement:
    return Judgement(verdict=verdict, outcome=seen.outcome, status=seen.status, reason=reason)


def _held(seen: Answer) -> Reason:
    return Reason(code=ReasonCode.HELD, said=seen.detail)


def _wrong(seen: Answer, reason: Reason) -> Judgement:
    return _judgement(Verdict.WRONG_ANSWER, seen, reason)


def _unknown(seen: Answer, reason: Reason) -> Judgement:
    return _judgement(Verdict.UNKNOWN, seen, reason)


def _judge_allow(
    flow: Flow, expectation: Expectation, evidence: Sequence[Evidence], seen: Answer
) -> Judgement:
    if seen.outcome is not Outcome.OPEN:
        reason = one_family_closed(evidence) or _why_closed(seen, evidence)
        reason = _held(seen) if flow.hold else reason
        closed_now = _judgement(Verdict.TOO_CLOSED, seen, reason)
        return replace(closed_now, decided=False) if _behind(seen, evidence) else closed_now
    if closed := _closed_endpoint(evidence):
        reason = one_family_closed(evidence) or _which_of_several(closed, evidence)
        return _judgement(Verdict.TOO_CLOSED, closed.answer, reason)
    if expectation.word is Word.HTTP and not expectation.accepts_status(seen.status):
        wanted = (expectation.status,)
        return _wrong(seen, _reason(ReasonCode.OTHER_STATUS, seen, wanted=wanted))
    if flow.http and flow.http.body and flow.http.body not in seen.body:
        return _wrong(seen, Reason(code=ReasonCode.OTHER_BODY, wanted=(flow.http.body,)))
    return _judgement(Verdict.AS_EXPECTED, seen)


_NOT_THERE = (Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.DNS_NEGATIVE)


def _behind(seen: Answer, evidence: Sequence[Evidence]) -> bool:
    """
    Whether a Service is said not to be there while each of its pods answers: nodes and DNS servers
    learn of a new one some time after the API has it, so more samples may say otherwise.
    """
    pods = [e.answer.outcome for e in evidence if e.role is Role.POD]
    return seen.outcome in _NOT_THERE and bool(pods) and set(pods) == {Outcome.OPEN}


def _foreign_address(evidence: Sequence[Evidence], controls: Controls) -> Reason | None:
    """An application goes where DNS sends it; addresses are asked as the API tells them."""
    names = [e for e in evidence if e.role is Role.NAME]
    if not names or not controls.addresses:
        return None
    name = names[0]
    foreign = sorted({a for e in names for a in e.answer.addresses} - set(controls.addresses))
    if not foreign:
        return None
    return Reason(
        code=ReasonCode.FOREIGN_ADDRESS,
        subject=name.subject,
        names=tuple(foreign),
        wanted=tuple(sorted(controls.addresses)),
    )


def _closed_endpoint(evidence: Sequence[Evidence]) -> Evidence | None:
    """A ready endpoint that does not answer: a Service passes some connections to it."""
    pods = (e for e in evidence if e.role is Role.POD)
    return next((e for e in pods if e.answer.outcome is not Outcome.OPEN), None)


def _which_of_several(closed: Evidence, evidence: Sequence[Evidence]) -> Reason:
    pods = [e for e in evidence if e.role is Role.POD]
    return _reason(
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


def _why_closed(seen: Answer, evidence: Sequence[Evidence]) -> Reason:
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


def _judge_name(
    expectation: Expectation, evidence: Sequence[Evidence], controls: Controls, seen: Answer
) -> Judgement:
    """deny, timeout and the two DNS words, asked of a name."""
    wanted = expectation.outcome if expectation.outcome in _DNS else Outcome.DNS_TIMEOUT
    names = [e.answer for e in evidence if e.role is Role.NAME] or [seen]
    name = next((answer for answer in names if answer.outcome is not wanted), names[0])
    if expectation.outcome is Outcome.DNS_NEGATIVE:
        matched = name.outcome is Outcome.DNS_NEGATIVE
        other = Verdict.TOO_OPEN if name.outcome is Outcome.OPEN else Verdict.TOO_CLOSED
        return _judgement(Verdict.AS_EXPECTED if matched else other, name)
    if name.outcome is not Outcome.DNS_TIMEOUT:
        return _judgement(Verdict.TOO_OPEN, name, _reason(ReasonCode.NAME_ANSWERED, name))
    asked = [e for e in evidence if e.role is Role.NAME]
    if lost := next((e for e in asked if not_by_policy(e)), None):
        return _unknown(lost.answer, why_not_by_policy(lost))
    if asked and all(dropped(e) for e in asked):
        return replace(_judgement(Verdict.AS_EXPECTED, name), proven=True)
    if missing := _no_source(controls) or _no_dns(controls):
        return _unknown(name, missing)
    return _judgement(Verdict.AS_EXPECTED, name)


def _judge_exact(expectation: Expectation, evidence: Sequence[Evidence], seen: Answer) -> Judgement:
    """refused, unreachable, reset: somebody's answer, which every address must give."""
    outcomes = {e.answer.outcome for e in evidence if e.role is not Role.NAME}
    if outcomes == {expectation.outcome}:
        return _judgement(Verdict.AS_EXPECTED, seen)
    if Outcome.OPEN in outcomes:
        return _judgement(Verdict.TOO_OPEN, seen, _open(evidence))
    return _wrong(seen, Reason(code=ReasonCode.OTHER_OUTCOME, wanted=(str(expectation),)))


def _judge_deny(
    expectation: Expectation, evidence: Sequence[Evidence], controls: Controls, seen: Answer
) -> Judgement:
    addresses = [e for e in evidence if e.role is not Role.NAME]
    opened = next((e for e in addresses if e.answer.outcome is Outcome.OPEN), None)
    if opened:
        reason = _held(opened.answer) if expectation.held else _open(addresses)
        return _judgement(Verdict.TOO_OPEN, opened.answer, reason)
    denial = SILENCE if expectation.word is Word.OUTCOME else controls.denial
    if expectation.held:
        denial = {*denial, *CUT}
    odd = next((e for e in addresses if not _as_denied(e, expectation, denial)), None)
    if odd and odd.answer.outcome is Outcome.REFUSED and odd.subject in controls.refusing:
        reason = Reason(code=ReasonCode.REFUSES_WHOM_IT_HEARS, subject=odd.subject)
        return _judgement(Verdict.TOO_OPEN, odd.answer, reason)
    if odd:
        reason = _reason(ReasonCode.NOT_SILENT, odd.answer, subject=odd.subject)
        return _unknown(odd.answer, reason)
    if other := next((e for e in addresses if not_by_policy(e)), None):
        return _unknown(other.answer, why_not_by_policy(other))
    unproven = [e for e in addresses if not dropped(e)]
    if addresses and not unproven:
        return replace(_judgement(Verdict.AS_EXPECTED, addresses[0].answer), proven=True)
    if missing := _no_source(controls) or _no_target(unproven, controls):
        return _unknown(seen, missing)
    return _judgement(Verdict.AS_EXPECTED, addresses[0].answer)


def _as_denied(one: Evidence, expectation: Expectation, denial: Collection[Outcome]) -> bool:
    """As this network plugin denies; or dropped by policy, whatever was answered then."""
    proven = expectation.word is Word.DENY and dropped(one)
    return proven or one.answer.outcome in denial


def _open(evidence: Sequence[Evidence]) -> Reason:
    if reason := one_family_open(evidence):
        return reason
    subjects = ", ".join(e.subject for e in evidence if e.answer.outcome is Outcome.OPEN)
    return Reason(code=ReasonCode.OPEN, subject=subjects)


def _no_source(controls: Controls) -> Reason | None:
    code, own = ReasonCode.SOURCE_NOT_PROVEN, controls.source
    if own is None:
        return Reason(code=code)
    if own.outcome not in (Outcome.OPEN, Outcome.REFUSED):
        return _reason(code, own)
    if controls.sending is Sending.SHOWN:
        return None
    return Reason(code=code, sending=controls.sending, family=controls.sending_over)


def _no_dns(controls: Controls) -> Reason | None:
    return None if controls.dns_alive else Reason(code=ReasonCode.DNS_NOT_PROVEN)


def _no_target(addresses: Sequence[Evidence], controls: Controls) -> Reason | None:
    """Without a subject where there is no address at all."""
    dead = next((e.subject for e in addresses if e.subject not in controls.alive), "")
    if addresses and not dead:
        return None
    return Reason(code=ReasonCode.TARGET_NOT_PROVEN, subject=dead)


def _reason(
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
