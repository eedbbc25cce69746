"""The steps of a story that `plan` and `explain` look at."""

from __future__ import annotations

from collections.abc import Sequence

from npol.errors import InputError, did_you_mean
from npol.model.story import Story
from npol.policy.simulate.simulated_steps import SimulatedStep, scenes


def chosen_steps(story: Story, named: str | None) -> Sequence[SimulatedStep]:
    """
    The steps of a story as its manifests foretell them, or the one that is named.

    Raises:
        InputError: it has no such step.
    """
    told = scenes(story)
    chosen = [step for step in told if named in (None, step.step)]
    if not chosen:
        known = [step.step for step in told]
        hint = did_you_mean(str(named), known, f"{known}")
        raise InputError(f"story {story.name!r} has no step {named!r}", hint=hint)
    return chosen
