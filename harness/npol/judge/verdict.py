"""
How one flow's answers are judged. Pure, and the same for every engine.

allow is judged as the application sees it: the name resolves, then the address it got
answers. deny is judged by every address, needs the network's silence, and counts only with
its controls in the same round: the source reached itself, and the target is alive. A probe that the
data plane's records show to be dropped by policy needs neither.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from npol.judge.controls import SILENCE, Controls, no_dns, no_source, no_target
from npol.judge.one_family import one_family_closed
from npol.judge.recorded import (
    arrived,
    audited,
    dropped,
    not_by_policy,
    not_enforced,
    weighed,
    why_not_by_policy,
)
from npol.judge.verdict_reasons import (
    closed_endpoint,
    foreign_address,
    held,
    is_behind,
    reason_of,
    which_of_several,
    why_closed,
    why_open,
)
from npol.model.expectation import Expectation, Outcome, Verdict, Word
from npol.model.probe import Answer, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence, Judgement
from npol.model.story import Flow, FlowKind, Protocol

CUT = frozenset({Outcome.TIMEOUT, Outcome.RESET})
"""What a connection does that was open, and is cut."""
_DNS = (Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE)


def judge(
    flow: Flow,
    expectation: Expectation,
    evidence: Sequence[Evidence],
    controls: Controls,
    problem: Reason | None = None,
) -> Judgement:
    """One flow in one round; `problem` is why there was nothing to ask (`Target.problem`)."""
    if not expectation.closed:
        is_name = flow.kind is FlowKind.DNS
        evidence = first_that_exists(evidence) if is_name else of_the_name_now(evidence)
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
    judged = weighed(_judged(flow, expectation, evidence, controls, seen), evidence)
    return replace(judged, seconds=max(e.answer.seconds for e in evidence))


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
        if foreign := foreign_address(evidence, controls.addresses):
            return replace(_wrong(seen, foreign), decided=False)
        if one := _unanswered(flow, evidence, controls):
            is_name = one.role is Role.NAME
            code = ReasonCode.NAME_SERVER_SILENT if is_name else ReasonCode.TARGET_SILENT
            return _unknown(one.answer, Reason(code=code, subject=one.subject, fate=one.fate))
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


def first_that_exists(names: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """
    What an application gets that looks up the first of several names, then the next if there is no
    such name. Who expects that none exists, or none is answered, means all of them.
    """
    there = [e for e in names if e.answer.outcome is not Outcome.DNS_NEGATIVE]
    return tuple(there or names)[:1]


def of_the_name_now(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """
    Without the places that a name stood for earlier in the run: they may be gone, and no
    application asks them any more.
    """
    now = {a for e in evidence if e.role is Role.NAME for a in e.answer.addresses}
    past = [e for e in evidence if e.role is Role.HOST and e.address not in now]
    left = [e for e in evidence if e not in past]
    return left if any(e.role is Role.HOST for e in left) else evidence


def _broken(evidence: Sequence[Evidence]) -> Evidence | None:
    return next((e for e in evidence if e.answer.outcome is Outcome.ERROR), None)


def _judgement(verdict: Verdict, seen: Answer, reason: Reason | None = None) -> Judgement:
    return Judgement(verdict=verdict, outcome=seen.outcome, status=seen.status, reason=reason)


def _wrong(seen: Answer, reason: Reason) -> Judgement:
    return _judgement(Verdict.WRONG_ANSWER, seen, reason)


def _unknown(seen: Answer, reason: Reason) -> Judgement:
    return _judgement(Verdict.UNKNOWN, seen, reason)


def _judge_allow(
    flow: Flow, expectation: Expectation, evidence: Sequence[Evidence], seen: Answer
) -> Judgement:
    if seen.outcome is not Outcome.OPEN:
        reason = one_family_closed(evidence) or why_closed(seen, evidence)
        reason = held(seen) if flow.hold else reason
        closed_now = _judgement(Verdict.TOO_CLOSED, seen, reason)
        return replace(closed_now, decided=False) if is_behind(seen, evidence) else closed_now
    if closed := closed_endpoint(evidence):
        reason = one_family_closed(evidence) or which_of_several(closed, evidence)
        return _judgement(Verdict.TOO_CLOSED, closed.answer, reason)
    return _wrong_answer(flow, expectation, evidence, seen) or _judgement(Verdict.AS_EXPECTED, seen)


def _wrong_answer(
    flow: Flow, expectation: Expectation, evidence: Sequence[Evidence], seen: Answer
) -> Judgement | None:
    """
    What an address says that is not what was expected: first the one that an application meets.
    A Service passes some connections to each endpoint, and a policy of HTTP may let one be asked.
    """
    if not flow.http:
        return None
    addresses = [e for e in evidence if e.role is not Role.NAME]
    for one in sorted(addresses, key=lambda e: e.answer is not seen):
        subject = "" if one.answer is seen else one.subject
        if expectation.word is Word.HTTP and not expectation.accepts_status(one.answer.status):
            wanted = (expectation.status,)
            other = reason_of(ReasonCode.OTHER_STATUS, one.answer, subject=subject, wanted=wanted)
            return _wrong(one.answer, other)
        if flow.http.body and flow.http.body not in one.answer.body:
            return _other_body(one.answer, subject, flow.http.body)
    return None


def _other_body(answer: Answer, subject: str, wanted: str) -> Judgement:
    """What was not read of it may hold the text."""
    cut_off = answer.body_cut_off
    code = ReasonCode.BODY_CUT_OFF if cut_off else ReasonCode.OTHER_BODY
    reason = Reason(code=code, subject=subject, wanted=(wanted,))
    return _unknown(answer, reason) if cut_off else _wrong(answer, reason)


def _unanswered(flow: Flow, evidence: Sequence[Evidence], controls: Controls) -> Evidence | None:
    """
    A datagram that its target got and did not answer, where nothing else is wrong: policies let
    answers pass, so that it is the target that is slow. Of a name that is not the cluster's own a
    name server asks others itself; and a connection is answered by the target's kernel.
    """
    closed = [e for e in evidence if e.answer.outcome is not Outcome.OPEN]
    silent = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
    for one in closed:
        datagram = controls.own_name if one.role is Role.NAME else flow.protocol is Protocol.UDP
        if one.answer.outcome not in silent or not arrived(one) or not datagram:
            return None
    return next(iter(closed), None)


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
        return _judgement(Verdict.TOO_OPEN, name, reason_of(ReasonCode.NAME_ANSWERED, name))
    asked = [e for e in evidence if e.role is Role.NAME]
    if lost := next((e for e in asked if not_by_policy(e)), None):
        return _unknown(lost.answer, why_not_by_policy(lost))
    if asked and all(dropped(e) for e in asked):
        return replace(_judgement(Verdict.AS_EXPECTED, name), proven=True)
    if missing := no_source(controls) or no_dns(controls):
        return _unknown(name, missing)
    return _judgement(Verdict.AS_EXPECTED, name)


def _judge_exact(expectation: Expectation, evidence: Sequence[Evidence], seen: Answer) -> Judgement:
    """refused, unreachable, reset: somebody's answer, which every address must give."""
    outcomes = {e.answer.outcome for e in evidence if e.role is not Role.NAME}
    if outcomes == {expectation.outcome}:
        return _judgement(Verdict.AS_EXPECTED, seen)
    if Outcome.OPEN in outcomes:
        return _judgement(Verdict.TOO_OPEN, seen, why_open(evidence))
    return _wrong(seen, Reason(code=ReasonCode.OTHER_OUTCOME, wanted=(str(expectation),)))


def _judge_deny(
    expectation: Expectation, evidence: Sequence[Evidence], controls: Controls, seen: Answer
) -> Judgement:
    addresses = [e for e in evidence if e.role is not Role.NAME]
    opened = next((e for e in addresses if e.answer.outcome is Outcome.OPEN), None)
    if opened:
        reason = held(opened.answer) if expectation.held else why_open(addresses)
        return _judgement(Verdict.TOO_OPEN, opened.answer, reason)
    denial = SILENCE if expectation.word is Word.OUTCOME else controls.denial
    if expectation.held:
        denial = {*denial, *CUT}
    odd = next((e for e in addresses if not _as_denied(e, expectation, denial)), None)
    if odd and odd.answer.outcome is Outcome.REFUSED and odd.subject in controls.refusing:
        reason = Reason(code=ReasonCode.REFUSES_WHOM_IT_HEARS, subject=odd.subject)
        return _judgement(Verdict.TOO_OPEN, odd.answer, reason)
    if odd:
        reason = reason_of(ReasonCode.NOT_SILENT, odd.answer, subject=odd.subject)
        return _unknown(odd.answer, reason)
    if other := next((e for e in addresses if not_by_policy(e)), None):
        return _unknown(other.answer, why_not_by_policy(other))
    unproven = [e for e in addresses if not dropped(e)]
    if addresses and not unproven:
        return replace(_judgement(Verdict.AS_EXPECTED, addresses[0].answer), proven=True)
    if missing := no_source(controls) or no_target(unproven, controls):
        return _unknown(seen, missing)
    return _judgement(Verdict.AS_EXPECTED, addresses[0].answer)


def _as_denied(one: Evidence, expectation: Expectation, denial: Collection[Outcome]) -> bool:
    """As this network plugin denies; or dropped by policy, whatever was answered then."""
    proven = expectation.word is Word.DENY and dropped(one)
    return proven or one.answer.outcome in denial
