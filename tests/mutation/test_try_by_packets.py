"""A story tried until one of its flows fails: what counts, and that it always ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from npol.errors import NpolError, Position, UnknownVerdict
from npol.model.expectation import Verdict, parse_expectation
from npol.model.reason import Reason, ReasonCode
from npol.model.result import FlowResult, RestoreResult, StepResult
from npol.model.story import Step, Story
from npol.mutation.try_by_packets import MutantRun, try_story
from npol.run.options import Options

AT = Position("s.npol.yaml")
OPTIONS = Options(kubeconfig=None, context="lab")
STEPS = ("first", "second")
STORY = Story(
    name="s", path="s.npol.yaml", root=".", steps=tuple(Step(name=n, at=AT) for n in STEPS)
)


@dataclass
class Run:
    """A run whose steps' verdicts are given, flow by flow."""

    verdicts: dict[str, list[Verdict]]
    error: str = ""
    complete: bool = True
    reached: list[str] = field(default_factory=list)
    closed: int = 0

    def __call__(self, story: Story, options: Options) -> Any:
        return self

    def open(self) -> None:
        pass

    def reach(self, step: str) -> StepResult:
        self.reached.append(step)
        flows = [result(step, n, v) for n, v in enumerate(self.verdicts.get(step, []))]
        return StepResult(name=step, at=AT, flows=tuple(flows), error=self.error)

    def close(self) -> RestoreResult:
        self.closed += 1
        return RestoreResult(complete=self.complete, problems=("still there",))


def result(step: str, number: int, verdict: Verdict) -> FlowResult:
    return FlowResult(
        name=f"flow {number}",
        at=AT,
        step=step,
        source="a",
        target="b:80/tcp",
        expected=parse_expectation("deny"),
        verdict=verdict,
        reason=Reason(code=ReasonCode.NO_ROUTE, said="why"),
    )


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [
        pytest.param([], MutantRun(), id="no-flows"),
        pytest.param([Verdict.AS_EXPECTED], MutantRun(), id="held"),
        pytest.param([Verdict.TOO_OPEN], MutantRun(failed="second: flow 0"), id="too-open"),
        pytest.param([Verdict.TOO_CLOSED], MutantRun(failed="second: flow 0"), id="too-closed"),
        pytest.param([Verdict.WRONG_ANSWER], MutantRun(failed="second: flow 0"), id="wrong-answer"),
        pytest.param([Verdict.UNKNOWN], MutantRun(unknown="second: flow 0: why"), id="unknown"),
        pytest.param([Verdict.FLAPPING], MutantRun(unknown="second: flow 0: why"), id="flapping"),
        pytest.param([Verdict.INVALID], MutantRun(unknown="second: flow 0: why"), id="invalid"),
        pytest.param(
            [Verdict.UNKNOWN, Verdict.TOO_OPEN],
            MutantRun(failed="second: flow 1"),
            id="one-flow-that-tells-is-enough",
        ),
    ],
)
def test_only_what_packets_contradict_counts(verdicts, found):
    run = Run({"first": [Verdict.AS_EXPECTED], "second": verdicts})

    assert try_story(STORY, OPTIONS, run) == found
    assert run.closed == 1


def test_nothing_is_asked_after_the_first_failure():
    run = Run({"first": [Verdict.TOO_OPEN]})

    assert try_story(STORY, OPTIONS, run).failed == "first: flow 0"
    assert (run.reached, run.closed) == (["first"], 1)


def test_a_step_that_could_not_be_made_ends_it():
    run = Run({}, error="no such kind")

    with pytest.raises(NpolError, match="step 'first': no such kind"):
        try_story(STORY, OPTIONS, run)
    assert run.closed == 1


def test_nothing_more_is_tried_where_the_last_one_left_something():
    with pytest.raises(UnknownVerdict, match="still there"):
        try_story(STORY, OPTIONS, Run({}, complete=False))
