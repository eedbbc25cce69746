"""`converge_within`: what was not seen within the budget is not within it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from npol.judge.flow_track import Settled
from npol.model.enforcement import EnforcementInterval
from npol.model.expectation import Outcome, Verdict
from npol.model.probe import PodRef
from npol.model.reason import ReasonCode
from npol.model.result import Judgement, Witnesses
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.run.flow_result import flow_result
from npol.run.prepared_flow import PreparedFlow
from tests.policy.stories import step, story

RECORDS = EnforcementInterval(after=0.3, until=0.6, clock_error=0.1)


def within(budget, after, by, records=None):
    """A flow that is open as expected; `after`, `by`: what bounds its enforcement, in seconds."""
    (scene,) = scenes(story(step("s", "a -> b:8080")))
    (foretold,) = forecast([scene], "calico")[0].flows
    source = SimpleNamespace(source=PodRef(namespace="x", name="a", uid="u", ip="10.0.0.1"))
    return flow_result(
        PreparedFlow(flow=foretold.flow, source=source, target=None, timeout=1.0),
        step="s",
        engine="calico",
        settled=Settled(
            judgement=Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.OPEN),
            witnesses=Witnesses.AGREE,
            rounds=2,
            enforced_after=after,
            enforced_by=by,
            enforced_between=records,
            settled_after=3.0,
        ),
        prediction=foretold.prediction,
        budget=budget,
    )


@pytest.mark.parametrize(
    ("after", "by", "records", "verdict", "code"),
    [
        pytest.param(0.2, 0.9, None, Verdict.AS_EXPECTED, None, id="shown-within"),
        pytest.param(
            0.2, 2.3, None, Verdict.UNKNOWN, ReasonCode.BUDGET_NOT_SHOWN, id="seen-too-seldom"
        ),
        pytest.param(0.2, 2.3, RECORDS, Verdict.AS_EXPECTED, None, id="records-show-it"),
        pytest.param(1.2, 2.3, None, Verdict.TOO_CLOSED, ReasonCode.TOO_SLOW, id="too-slow"),
        pytest.param(None, None, None, Verdict.AS_EXPECTED, None, id="nothing-changed"),
    ],
)
def test_a_budget_is_kept_by_what_was_seen(after, by, records, verdict, code):
    result = within(1.0, after, by, records)

    assert result.verdict is verdict
    assert (result.reason.code if result.reason else None) is code
