"""What the data plane's records add to the judgement of one flow in one round. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npol.model.expectation import Expectation, Verdict
from npol.model.packet_fate import Fate
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence, Judgement


def dropped(one: Evidence) -> bool:
    return one.fate is not None and one.fate.proves_deny


def arrived(one: Evidence) -> bool:
    return one.fate is not None and one.fate.fate is Fate.ARRIVED


def not_by_policy(one: Evidence) -> bool:
    """Whether records say that something else than a policy made it silent."""
    return one.fate is not None and one.fate.fate in (Fate.ARRIVED, Fate.DROPPED_OTHERWISE)


def why_not_by_policy(one: Evidence) -> Reason:
    assert one.fate
    code = ReasonCode.TARGET_SILENT if arrived(one) else ReasonCode.NOT_BY_POLICY
    return Reason(code=code, subject=one.subject, fate=one.fate)


def audited(evidence: Sequence[Evidence]) -> Evidence | None:
    return next((e for e in evidence if e.fate and e.fate.fate is Fate.AUDITED), None)


def not_enforced(expectation: Expectation, probe: Evidence) -> Judgement:
    """What is said of a cluster whose policies only watch is no news in the next sample."""
    reason = Reason(code=ReasonCode.NOT_ENFORCED, subject=probe.subject, fate=probe.fate)
    verdict = Verdict.TOO_OPEN if expectation.closed else Verdict.UNKNOWN
    answer = probe.answer
    return Judgement(
        verdict=verdict,
        outcome=answer.outcome,
        status=answer.status,
        reason=reason,
        decided=True,
    )


def weighed(judgement: Judgement, evidence: Sequence[Evidence]) -> Judgement:
    """
    With what the records say besides: how a flow was cut, or that they contradict. A silence that
    was not waited for counts only as long as they say that it was a drop.
    """
    fates = [e.fate for e in evidence if e.fate]
    given_up = any(e.answer.ended_early and not dropped(e) for e in evidence)
    if given_up or any(f.fate is Fate.CHANGING for f in fates):
        judgement = replace(judgement, decided=False)
    if odd := next((f for f in fates if f.fate is Fate.CONTRADICTION), None):
        return _besides(judgement, Reason(code=ReasonCode.CONTRADICTION, fate=odd))
    if judgement.verdict is not Verdict.TOO_CLOSED:
        return judgement
    closed = [e for e in evidence if e.fate and e.answer.outcome is judgement.outcome]
    if cut := next((e for e in closed if dropped(e)), None):
        judgement = replace(judgement, proven=True)
    cut = cut or next((e for e in closed if not_by_policy(e)), None)
    if not cut:
        return judgement
    recorded = Reason(code=ReasonCode.RECORDED, subject=cut.subject, fate=cut.fate)
    return _besides(judgement, recorded)


def _besides(judgement: Judgement, recorded: Reason) -> Judgement:
    """The reason that there is, and what the records add to it."""
    old = judgement.reason
    reason = replace(old, besides=recorded) if old else recorded
    return replace(judgement, reason=reason)
