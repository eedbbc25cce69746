"""Mutants tried by packets: the story is run with each of them in place of its policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from npol.errors import NpolError, UnknownVerdict
from npol.model.expectation import Verdict
from npol.model.result import FlowResult, StepResult
from npol.model.story import Story
from npol.report.reasons import reason_words
from npol.run.options import Options
from npol.run.story_run import StoryRun

CONTRADICTIONS = (Verdict.TOO_OPEN, Verdict.TOO_CLOSED, Verdict.WRONG_ANSWER)
"""Verdicts that packets give; others say that nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantRun:
    """One run of a story: the first flow that contradicts it, or why that is not known."""

    failed: str = ""
    """`step: flow`."""
    unknown: str = ""

    @property
    def held(self) -> bool:
        return not self.failed and not self.unknown


def try_story(
    story: Story, options: Options, run: Callable[[Story, Options], StoryRun] = StoryRun
) -> MutantRun:
    """
    Run a story until one of its flows fails, and give the cluster back.

    Raises:
        UnknownVerdict: the cluster is not as before, so nothing more can be tried on it.
        NpolError: the story could not be run.
    """
    telling = run(story, options)
    try:
        telling.open()
        for step in story.steps:
            found = _judge(telling.reach(step.name))
            if not found.held:
                return found
        return MutantRun()
    finally:
        restored = telling.close()
        if not restored.proven:
            why = "; ".join(restored.problems) or "its flows are not verified"
            raise UnknownVerdict(f"the next one would not begin where this one did: {why}")


def _judge(step: StepResult) -> MutantRun:
    if step.error:
        raise NpolError(f"step {step.name!r}: {step.error}")
    failed = [f for f in step.flows if not f.passed]
    for flow in failed:
        if flow.verdict in CONTRADICTIONS:
            return MutantRun(failed=_name(flow))
    return (
        MutantRun(unknown=f"{_name(failed[0])}: {reason_words(failed[0].reason)}")
        if failed
        else MutantRun()
    )


def _name(flow: FlowResult) -> str:
    return f"{flow.step}: {flow.name}"
