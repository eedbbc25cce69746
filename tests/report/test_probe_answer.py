"""A probe that expects nothing: what was seen and what is predicted, and no verdict."""

import pytest

from npol.cli.probe import _is_sure, _status_of_seen
from npol.errors import ExitCode
from npol.model.expectation import Verdict
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.reason import Reason, ReasonCode
from npol.model.result import (
    Diagnosis,
    FlowResult,
    RestoreResult,
    StepResult,
    StoryReport,
    Witnesses,
)
from npol.report.probe_answer import seen_line, seen_text
from tests.report.conftest import make_flow


def probed(seen, predicted, witnesses, **more) -> FlowResult:
    return make_flow(
        seen=seen,
        predicted=Prediction(decision=PredictedDecision(predicted)),
        witnesses=witnesses,
        reason=Reason(code=ReasonCode.CLOSED),
        **more,
    )


def report_of(flow, *, restored=True) -> StoryReport:
    step = StepResult(name="now", at=flow.at, flows=(flow,))
    restore = RestoreResult(complete=restored, seconds=0.1)
    return StoryReport(
        story="probe", path="", run_id="r", started="", steps=(step,), seconds=1.4, restore=restore
    )


AS_PREDICTED = probed(
    "timeout",
    "deny",
    Witnesses.AGREE,
    expected="allow",
    verdict=Verdict.TOO_CLOSED,
    diagnosis=Diagnosis.POLICY_BUG,
)
OTHERWISE = probed(
    "open",
    "deny",
    Witnesses.DIFFER,
    expected="deny",
    verdict=Verdict.TOO_OPEN,
    diagnosis=Diagnosis.ENFORCEMENT_GAP,
)
BY_PACKETS = probed(
    "timeout",
    "unknown",
    Witnesses.PACKETS_ONLY,
    expected="allow",
    verdict=Verdict.TOO_CLOSED,
)


@pytest.mark.parametrize(
    ("flow", "predicted", "together", "status"),
    [
        pytest.param(
            AS_PREDICTED,
            "deny: packets agree",
            "packets and prediction agree",
            ExitCode.AS_EXPECTED,
            id="agree",
        ),
        pytest.param(
            OTHERWISE,
            "deny: packets do not do what the policies say",
            "packets and prediction differ",
            ExitCode.UNKNOWN,
            id="differ",
        ),
        pytest.param(
            BY_PACKETS,
            "unknown",
            "answered by packets only",
            ExitCode.AS_EXPECTED,
            id="nothing-foretold",
        ),
    ],
)
def test_no_verdict_is_told_of_what_nobody_expected(flow, predicted, together, status):
    report = report_of(flow)

    text = seen_text(flow, 100)
    found = _status_of_seen(report, flow)

    assert f"  predicted  {predicted}" in text
    assert not [word for word in ("verdict", "cause", "why", "mend the policy") if word in text]
    assert found == status
    assert seen_line(report, flow, found) == f"{together} in 1.4 s; no cluster: exit code {status}"


def test_a_cluster_that_is_not_as_it_was_found_counts_before_an_answer():
    report = report_of(AS_PREDICTED, restored=False)

    assert _status_of_seen(report, AS_PREDICTED) == ExitCode.RESTORE_INCOMPLETE


@pytest.mark.parametrize(
    ("verdict", "code", "sure"),
    [
        (Verdict.TOO_OPEN, ReasonCode.OPEN, True),
        (Verdict.UNKNOWN, ReasonCode.AGAINST_PREDICTION, True),
        (Verdict.UNKNOWN, ReasonCode.SOURCE_NOT_PROVEN, False),
        (Verdict.FLAPPING, ReasonCode.FLAPPING, False),
    ],
)
def test_packets_that_prove_nothing_are_no_answer(verdict, code, sure):
    assert _is_sure(make_flow(verdict=verdict, reason=Reason(code=code))) is sure
