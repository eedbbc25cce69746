"""One pod of a source is asked; whether it stands for the others is what the policies say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from npol.errors import Position
from npol.judge.settle import Settled
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.prediction import PredictedDecision, Prediction, UnknownReason
from npol.model.probe import PodRef
from npol.model.reason import ReasonCode
from npol.model.result import Judgement, Witnesses
from npol.model.story import Flow
from npol.run.flow_result import flow_result
from npol.run.prepared_flow import PreparedFlow

DIFFER = Prediction(decision=PredictedDecision.UNKNOWN, reason=UnknownReason.PODS_DIFFER)
ALIKE = Prediction(decision=PredictedDecision.DENY)
OTHER_KINDS = Prediction(
    decision=PredictedDecision.UNKNOWN, reason=UnknownReason.OTHER_POLICY_KINDS
)


def result(prediction, sources, verdict=Verdict.AS_EXPECTED):
    at = Position("s.npol.yaml", 1, 1)
    flow = Flow(name="f", at=at, source="a", target="b", port=80, expect=parse_expectation("deny"))
    source = SimpleNamespace(source=PodRef(namespace="x", name="a", uid="u", ip="10.0.0.1"))
    return flow_result(
        PreparedFlow(flow=flow, source=source, target=None, timeout=1.0),
        step="s",
        engine="calico",
        settled=Settled(
            judgement=Judgement(verdict=verdict, outcome=Outcome.TIMEOUT),
            witnesses=Witnesses.PACKETS_ONLY,
            rounds=2,
            enforced_after=None,
            settled_after=0.1,
        ),
        evidence=(),
        prediction=prediction,
        budget=None,
        sources=sources,
    )


@pytest.mark.parametrize(
    ("prediction", "sources", "verdict"),
    [
        pytest.param(DIFFER, 2, Verdict.UNKNOWN, id="one-is-let-through"),
        pytest.param(DIFFER, 1, Verdict.AS_EXPECTED, id="its-targets-differ-and-all-were-asked"),
        pytest.param(ALIKE, 2, Verdict.AS_EXPECTED, id="all-alike"),
        pytest.param(OTHER_KINDS, 2, Verdict.AS_EXPECTED, id="nothing-is-known"),
    ],
)
def test_a_pod_stands_for_its_source_unless_policies_tell_them_apart(prediction, sources, verdict):
    assert result(prediction, sources).verdict is verdict


def test_a_mismatch_of_one_pod_is_one_whatever_the_others_do():
    assert result(DIFFER, 2, Verdict.TOO_OPEN).verdict is Verdict.TOO_OPEN


def test_the_reason_says_how_many_pods_there_are():
    reason = result(DIFFER, 3).reason

    assert reason
    assert reason.code is ReasonCode.SOURCE_PODS_DIFFER
    assert "one of 3 pods" in str(reason)
