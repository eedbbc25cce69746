"""What the data plane's records add to the judgement of one flow in one round. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npol.model.expectation import Expectation, Verdict
from npol.model.packet_fate import Fate
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence, Judgement
from npol.model.sentence import Sentence


def dropped(one: Evidence) -> bool:
    return one.fate is not None and one.fate.proves_deny


def not_by_policy(one: Evidence) -> bool:
    """Whether records say that something else than a policy made it silent."""
    return one.fate is not None and one.fate.fate in (Fate.ARRIVED, Fate.DROPPED_OTHERWISE)


def why_not_by_policy(one: Evidence) -> Reason:
    assert one.fate
    if one.fate.fate is Fate.ARRIVED:
        words = f"{one.subject} got the packet ({one.fate.node}): it is silent, not denied"
        return Reason(code=ReasonCode.TARGET_SILENT, subject=one.subject, words=Sentence(words))
    words = f"{one.subject}: {one.fate}: that is no policy"
    return Reason(code=ReasonCode.NOT_BY_POLICY, subject=one.subject, words=Sentence(words))


def audited(evidence: Sequence[Evidence]) -> Evidence | None:
    return next((e for e in evidence if e.fate and e.fate.fate is Fate.AUDITED), None)


def not_enforced(expectation: Expectation, probe: Evidence) -> Judgement:
    """What is said of a cluster whose policies only watch is no news in the next sample."""
    assert probe.fate
    by = ", ".join(map(str, probe.fate.policies))
    words = (
        f"{probe.subject}: policies deny it{f' ({by})' if by else ''} and let it pass: "
        "policy audit mode is on (policy-audit-mode, Helm: policyAuditMode)"
    )
    reason = Reason(code=ReasonCode.NOT_ENFORCED, subject=probe.subject, words=Sentence(words))
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
        return _with_words(judgement, ReasonCode.CONTRADICTION, f"answered, and then {odd}")
    if judgement.verdict is not Verdict.TOO_CLOSED:
        return judgement
    closed = [e for e in evidence if e.fate and e.answer.outcome is judgement.outcome]
    if cut := next((e for e in closed if dropped(e)), None):
        judgement = replace(judgement, proven=True)
    cut = cut or next((e for e in closed if not_by_policy(e)), None)
    if not cut:
        return judgement
    return _with_words(judgement, ReasonCode.CLOSED, f"{cut.subject}: {cut.fate}")


def _with_words(judgement: Judgement, code: ReasonCode, words: str) -> Judgement:
    """The reason that there is, and what the records add to it."""
    old = judgement.reason
    if old is None:
        return replace(judgement, reason=Reason(code=code, words=Sentence(words)))
    return replace(judgement, reason=replace(old, words=Sentence(f"{old.words}; {words}")))
