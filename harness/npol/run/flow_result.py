"""A flow's result, put together from what was asked, seen and predicted."""

from __future__ import annotations

from collections.abc import Sequence

from npol.judge.settle import Settled
from npol.model.expectation import Expectation, Outcome, Verdict
from npol.model.result import Evidence, FlowResult
from npol.model.story import Flow
from npol.policy.simulate.compare import diagnose
from npol.run.predictor import Prediction
from npol.run.rounds import PreparedFlow


def flow_result(
    asked: PreparedFlow,
    *,
    step: str,
    engine: str,
    settled: Settled,
    evidence: Sequence[Evidence],
    prediction: Prediction,
    budget: float | None,
) -> FlowResult:
    """The result of one flow in one step; `budget` is its `converge_within`, in seconds."""
    flow, judgement = asked.flow, settled.judgement
    expectation = flow.expect.for_engine(engine)
    verdict, reason = judgement.verdict, judgement.reason
    if _too_slow(settled, budget) and verdict is Verdict.AS_EXPECTED:
        verdict = Verdict.TOO_OPEN if expectation.closed else Verdict.TOO_CLOSED
        reason = f"as expected after {settled.enforced_after:.1f} s only, budget {budget:g} s"
    if wrong := _not_because(flow, prediction):
        verdict, reason = Verdict.WRONG_ANSWER, wrong
    return FlowResult(
        name=flow.name,
        at=flow.at,
        step=step,
        source=flow.source,
        target=_target(flow),
        expected=str(expectation),
        seen=judgement.seen,
        verdict=verdict,
        reason=reason,
        tags=flow.tags,
        source_pod=asked.source.source,
        target_pods=asked.target.pods if asked.target else (),
        evidence=tuple(evidence),
        rounds=settled.rounds,
        enforced_after=settled.enforced_after,
        settled_after=settled.settled_after,
        predicted=prediction.word,
        witnesses=settled.witnesses,
        diagnosis=_diagnosis(expectation, verdict, judgement.outcome, prediction),
        causes=prediction.causes,
    )


def skipped_flow(flow: Flow, step: str, reason: str) -> FlowResult:
    """A flow that was not asked."""
    return FlowResult(
        name=flow.name,
        at=flow.at,
        step=step,
        source=flow.source,
        target=_target(flow),
        expected=str(flow.expect),
        seen="",
        verdict=Verdict.UNKNOWN,
        skipped=reason,
        tags=flow.tags,
    )


def _target(flow: Flow) -> str:
    return f"{flow.resolve}" if flow.resolve else f"{flow.target}:{flow.port}/{flow.protocol.value}"


def _too_slow(settled: Settled, budget: float | None) -> bool:
    return budget is not None and (settled.enforced_after or 0.0) > budget


def _not_because(flow: Flow, prediction: Prediction) -> str:
    """Why `because: {policy: NAME}` does not hold; "" when it does or is not claimed."""
    if not flow.because or any(flow.because in c.text for c in prediction.causes):
        return ""
    return f"policy {flow.because!r} is not what decides it"


def _diagnosis(
    expectation: Expectation, verdict: Verdict, outcome: Outcome, prediction: Prediction
) -> str:
    if verdict is Verdict.AS_EXPECTED:
        return ""
    return diagnose(expectation, outcome, prediction.passes)
