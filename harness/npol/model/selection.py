"""Which of a story's steps and flows a selection of results needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from npol.model.expectation import Outcome
from npol.model.story import Flow, Protocol, Step, Story


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of the results (flows and checks) that are wanted, per step; None: all."""

    wanted: frozenset[tuple[str, str]] | None = None

    def has(self, step: str, name: str) -> bool:
        return self.wanted is None or (step, name) in self.wanted


def replayed(story: Story, selection: Selection) -> Story:
    """
    What a selection needs of a story.

    Changes of earlier steps are kept, their flows are not. Steps after the last wanted
    one go. The first step keeps the flows that the selection asks anywhere, and those that
    show how their targets refuse: its round is the baseline that a later deny is judged
    against.
    """
    if selection.wanted is None:
        return story
    last = max((i for i, s in enumerate(story.steps) if _any_wanted(s, selection)), default=-1)
    steps = [_narrow(s, selection, i == 0, story) for i, s in enumerate(story.steps[: last + 1])]
    return replace(story, steps=tuple(steps))


def _any_wanted(step: Step, selection: Selection) -> bool:
    return any(selection.has(step.name, n) for n in _names(step))


def _names(step: Step) -> Iterable[str]:
    yield from (f.name for f in step.flows)
    yield from (c.name for c in step.checks)


def _narrow(step: Step, selection: Selection, first: bool, story: Story) -> Step:
    baseline = _baseline(step, selection, story) if first and not step.changes else ()
    flows = [f for f in step.flows if selection.has(step.name, f.name) or f.name in baseline]
    checks = [c for c in step.checks if selection.has(step.name, c.name)]
    return replace(step, flows=tuple(flows), checks=tuple(checks))


def _baseline(step: Step, selection: Selection, story: Story) -> Collection[str]:
    """The names of a step's flows that a selection asks again, or whose targets it asks."""
    wanted = [f for s in story.steps for f in s.flows if selection.has(s.name, f.name)]
    keys, ends = {f.key for f in wanted}, {_end(f) for f in wanted}
    return {
        f.name
        for f in step.flows
        if f.key in keys or (f.expect.outcome is Outcome.REFUSED and _end(f) in ends)
    }


def _end(flow: Flow) -> tuple[str, int, Protocol]:
    return flow.target, flow.port, flow.protocol
