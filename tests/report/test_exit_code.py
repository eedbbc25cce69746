"""The exit code and the JSON of any run say the same, and 6 means that something is left."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from npol.errors import PRECEDENCE, ExitCode, Position
from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.model.result import RestoreResult, StepResult, StoryReport
from npol.model.verification import FlowVerification, NotVerified
from npol.report.json import from_json, to_json
from tests.examples import examples
from tests.report.conftest import make_flow

HERE = Position("s.npol.yaml", 1, 1)
FLOWS = st.builds(
    lambda verdict, skipped: make_flow(
        verdict=verdict, skipped=Reason(code=ReasonCode.NO_ROUTE, said=skipped) if skipped else None
    ),
    st.sampled_from(Verdict),
    st.sampled_from(["", "", "no place outside"]),
)
STEPS = st.builds(
    lambda flows, error: StepResult(name="s", at=HERE, flows=tuple(flows), error=error),
    st.lists(FLOWS, max_size=4),
    st.sampled_from(["", "", "", "the API server does not answer"]),
)
VERIFIED = st.none() | st.builds(
    FlowVerification,
    asked=st.integers(0, 3),
    different=st.lists(st.just("a -> b:80"), max_size=1).map(tuple),
    unknown=st.lists(st.just("a -> c:80"), max_size=1).map(tuple),
    not_verified=st.none() | st.sampled_from(NotVerified),
)
RESTORES = st.none() | st.builds(RestoreResult, complete=st.booleans(), flows=VERIFIED)
REPORTS = st.builds(
    StoryReport,
    story=st.just("s"),
    path=st.just("s.npol.yaml"),
    run_id=st.just("r"),
    started=st.just(""),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    restore=RESTORES,
    error_code=st.sampled_from([ExitCode.AS_EXPECTED, *ExitCode]),
    stopped=st.sampled_from([0, 0, 2, 15]),
)


@examples(100)
@given(REPORTS)
def test_json_and_exit_code_never_disagree(report):
    summary = json.loads(to_json(report))["summary"]

    assert summary["exit_code"] == report.exit_status
    assert summary["passed"] is (report.exit_status == 0)
    assert from_json(to_json(report)).exit_status == report.exit_status


@examples(100)
@given(REPORTS)
def test_what_passes_has_nothing_against_it(report):
    if report.exit_status == 0:
        assert all(r.passed for r in report.results)
        proving = [r for r in report.results if not r.skipped]
        assert proving or not report.steps, "it asked something, and could have failed"
        assert not any(step.error for step in report.steps)
        assert report.restore is None or report.restore.proven


@examples(100)
@given(REPORTS)
def test_6_is_for_what_is_left_to_restore(report):
    left = report.restore is not None and not report.restore.complete
    raised = report.error_code is ExitCode.RESTORE_INCOMPLETE

    assert (report.exit_code is ExitCode.RESTORE_INCOMPLETE) is (left or raised)


@examples(50)
@given(REPORTS)
def test_the_worst_of_a_run_is_its_code(report):
    found = {report.error_code} | {
        ExitCode.UNKNOWN if r.verdict in (Verdict.UNKNOWN, Verdict.INVALID) else ExitCode.DIFFERS
        for r in report.results
        if not r.passed
    }

    rank = PRECEDENCE.index
    assert rank(report.exit_code) <= min(map(rank, found))
