"""A flow's result, put together from what was asked, seen and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npol.errors import NpolError
from npol.judge.flow_track import Settled
from npol.judge.policy_names import is_named, named, not_foretold
from npol.model.expectation import Expectation, Outcome, Verdict
from npol.model.packet_fate import PacketFate
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.probe import ADDRESSES
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Diagnosis, FlowResult
from npol.model.story import Flow
from npol.model.verification import FlowVerification
from npol.policy.simulate.compare import diagnose
from npol.run.prepared_flow import PreparedFlow


def flow_result(
    asked: PreparedFlow,
    *,
    step: str,
    engine: str,
    settled: Settled,
    prediction: Prediction,
    budget: float | None,
) -> FlowResult:
    """
    The result of one flow in one step, from one pod.

    `budget`: its `converge_within`, in seconds.
    """
    flow, judgement = asked.flow, settled.judgement
    expectation = flow.expect.for_engine(engine)
    verdict, reason = judgement.verdict, judgement.reason
    if verdict is Verdict.AS_EXPECTED and budget is not None:
        verdict, reason = _within(budget, settled, expectation) or (verdict, reason)
    if verdict is Verdict.AS_EXPECTED and flow.because:
        verdict, reason = _because(flow.because, prediction, settled) or (verdict, reason)
    return FlowResult(
        name=flow.name,
        at=flow.at,
        step=step,
        source=flow.source,
        target=_target(flow),
        expected=replace(expectation, per_engine={}),
        verdict=verdict,
        kind=flow.kind,
        outcome=judgement.outcome,
        status=judgement.status,
        reason=reason,
        tags=flow.tags,
        source_pod=asked.source.source,
        target_pods=asked.target.pods if asked.target else (),
        evidence=settled.evidence,
        rounds=settled.rounds,
        enforced_after=settled.enforced_after,
        enforced_between=settled.enforced_between,
        settled_after=settled.settled_after,
        predicted=prediction,
        witnesses=settled.witnesses,
        diagnosis=_diagnosis(expectation, verdict, settled, prediction),
        proof=_proof(settled),
        named_by_data_plane=named(settled.evidence),
        budget=budget,
    )


def skipped_flow(flow: Flow, step: str, reason: Reason) -> FlowResult:
    """A flow that was not asked."""
    return FlowResult(
        name=flow.name,
        at=flow.at,
        step=step,
        source=flow.source,
        target=_target(flow),
        expected=replace(flow.expect, per_engine={}),
        verdict=Verdict.UNKNOWN,
        kind=flow.kind,
        skipped=reason,
        tags=flow.tags,
    )


def without_verdict(result: FlowResult, verdict: Verdict, reason: Reason) -> FlowResult:
    """A result of which it is not known that the cluster was what the step had made of it."""
    return result if result.skipped else replace(result, verdict=verdict, reason=reason)


def is_denied_wrongly(result: FlowResult) -> bool:
    """Whether the policies deny what the story wants to be open."""
    bug = result.diagnosis is Diagnosis.POLICY_BUG and not result.skipped
    return bug and result.verdict in (Verdict.TOO_CLOSED, Verdict.WRONG_ANSWER)


def changed_by_others(foreign: Sequence[str]) -> Reason:
    """The cluster was not what the step had made of it while it was judged."""
    return Reason(code=ReasonCode.CHANGED_BY_OTHERS, names=tuple(foreign))


def changes_not_read(error: NpolError) -> Reason:
    """Whether it was is not known."""
    return Reason(code=ReasonCode.CHANGES_NOT_READ, said=error.message)


def verification_of(results: Sequence[FlowResult]) -> FlowVerification:
    """What the flows that held before say after the restore."""
    unknown = [r.name for r in results if r.inconclusive]
    different = [r.name for r in results if not r.passed and not r.inconclusive]
    return FlowVerification(asked=len(results), different=tuple(different), unknown=tuple(unknown))


def _within(
    budget: float, settled: Settled, expectation: Expectation
) -> tuple[Verdict, Reason] | None:
    """What `converge_within` makes of a flow that is as expected; None: it is kept."""
    if (settled.enforced_after or 0.0) > budget:
        verdict = Verdict.TOO_OPEN if expectation.closed else Verdict.TOO_CLOSED
        seconds = settled.enforced_after
        return verdict, Reason(code=ReasonCode.TOO_SLOW, seconds=seconds, budget=budget)
    known = settled.enforced_between
    shown = known.until + known.clock_error if known else None
    seconds = min((s for s in (settled.enforced_by, shown) if s is not None), default=None)
    if seconds is None or seconds <= budget:
        return None
    return Verdict.UNKNOWN, Reason(code=ReasonCode.BUDGET_NOT_SHOWN, seconds=seconds, budget=budget)


def _target(flow: Flow) -> str:
    return f"{flow.resolve}" if flow.resolve else f"{flow.target}:{flow.port}/{flow.protocol.value}"


def _because(claim: str, prediction: Prediction, settled: Settled) -> tuple[Verdict, Reason] | None:
    """What `because: {policy: NAME}` makes of a flow that is as expected; None: it holds."""
    foretold = any(policy.is_called(claim) for policy in prediction.decided_by)
    others = not_foretold(settled.evidence, prediction)
    wanted = (claim,)
    if others and foretold:
        names = tuple(map(str, others))
        differ = Reason(code=ReasonCode.POLICY_NAMES_DIFFER, wanted=wanted, names=names)
        return Verdict.UNKNOWN, differ
    if foretold:
        return None
    if prediction.decision is PredictedDecision.UNKNOWN:
        if is_named(claim, named(settled.evidence)):
            return None
        proven = settled.judgement.proven
        nobody, unknown = ReasonCode.DATA_PLANE_NAMES_NOBODY, ReasonCode.DECIDING_POLICY_UNKNOWN
        return Verdict.UNKNOWN, Reason(code=nobody if proven else unknown, wanted=wanted)
    decides = tuple(map(str, prediction.decided_by))
    other = Reason(code=ReasonCode.OTHER_POLICY_DECIDES, wanted=wanted, names=decides)
    return Verdict.WRONG_ANSWER, other


def _proof(settled: Settled) -> PacketFate | None:
    """
    Of the final sample, if it is proven, or if the records of a silence came after it was judged.
    Who names a policy says more.
    """
    own = [e for e in settled.evidence if e.role in ADDRESSES]
    silent = settled.judgement.outcome is Outcome.TIMEOUT
    late = silent and bool(own) and all(e.fate and e.fate.proves_deny for e in own)
    if not (settled.judgement.proven or late):
        return None
    fates = [e.fate for e in settled.evidence if e.fate and e.fate.proves_deny]
    return min(fates, key=lambda fate: not fate.policies, default=None)


def _diagnosis(
    expectation: Expectation, verdict: Verdict, settled: Settled, prediction: Prediction
) -> Diagnosis:
    if verdict is not Verdict.AS_EXPECTED:
        found = diagnose(expectation, settled.judgement.outcome, prediction.passes_for(expectation))
        if found is not Diagnosis.NONE:
            return found
    differ = not_foretold(settled.evidence, prediction)
    return Diagnosis.OTHER_POLICY if differ else Diagnosis.NONE
