"""What a fresh pod did at first makes a verdict of its flow, by the budget for it."""

import pytest

from npol.errors import Position
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.fresh_start import FreshEnd, FreshStart
from npol.model.gap import Gap, GapKind
from npol.model.result import FlowResult
from npol.report.reasons import reason_words
from npol.run.fresh_pods import judged_by_leak

CLOSED = FlowResult(
    name="f",
    at=Position("s.npol.yaml", 1, 1),
    step="s",
    source="client",
    target="answers:9000/tcp",
    expected=parse_expectation("deny"),
    verdict=Verdict.AS_EXPECTED,
    outcome=Outcome.TIMEOUT,
)


def gap(kind, seconds, began=0.1):
    return Gap(
        kind=kind, began=began, seconds=seconds, at_least=seconds, at_most=seconds, over=True
    )


def start(*gaps, unseen=0.0, budget=0.0, end=FreshEnd.TARGET):
    return FreshStart(
        end=end,
        pod="shop/npol-1",
        started=1.0,
        tries=20,
        first_try=0.1,
        unseen=unseen,
        first_answer=None,
        last_try=20.0,
        gaps=gaps,
        budget=budget,
    )


@pytest.mark.parametrize(
    ("found", "verdict", "why"),
    [
        pytest.param(start(), Verdict.AS_EXPECTED, "", id="nothing"),
        pytest.param(start(unseen=1.2), Verdict.AS_EXPECTED, "", id="told-soon"),
        pytest.param(
            start(unseen=8.0), Verdict.UNKNOWN, "not seen for 8.00 s once", id="told-late"
        ),
        pytest.param(
            start(gap(GapKind.NOT_SEEN, 8.0)), Verdict.UNKNOWN, "not seen for 8.00 s", id="a-pause"
        ),
        pytest.param(
            start(gap(GapKind.NOT_SEEN, 8.0), budget=9.0), Verdict.AS_EXPECTED, "", id="within"
        ),
        pytest.param(
            start(gap(GapKind.OPEN, 2.0), gap(GapKind.NOT_SEEN, 8.0, began=5.0), budget=9.0),
            Verdict.UNKNOWN,
            "not seen for 8.00 s once the pod had started, in which it may have been open; "
            "budget 9 s",
            id="not-within-with-a-leak",
        ),
        pytest.param(
            start(gap(GapKind.OPEN, 2.0), unseen=8.0),
            Verdict.TOO_OPEN,
            "open for 2.00 s",
            id="a-leak-whatever-was-not-seen",
        ),
        pytest.param(
            start(gap(GapKind.NOT_SEEN, 8.0), budget=None), Verdict.AS_EXPECTED, "", id="no-budget"
        ),
    ],
)
def test_a_time_that_nobody_saw_is_no_proof_of_a_kept_budget(found, verdict, why):
    judged = judged_by_leak(CLOSED, found)

    assert judged.verdict is verdict
    assert reason_words(judged.reason).startswith(why)
