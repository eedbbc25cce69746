"""What may be watched while others change a cluster, and for how long."""

from __future__ import annotations

from npol.errors import InputError
from npol.model.story import Step, Story
from npol.story.field_validators import NotValid, duration

MOST_MINUTES = 24 * 60
MOST_FLOWS = 100
"""What can be asked often enough that no time between two tries counts as not seen."""


def watch_seconds(text: str) -> float:
    """
    `10m` as seconds.

    Raises:
        InputError: it is no duration, or longer than a day.
    """
    try:
        return duration(text, most_minutes=MOST_MINUTES)
    except NotValid as error:
        raise InputError(f"--for: {error}", hint=error.hint) from error


def refuse_unwatchable(story: Story) -> None:
    """
    Whoever changes the cluster while it is watched is not npol.

    Raises:
        InputError: the story changes it, or has no flow.
    """
    if changing := next((step for step in story.steps if step.changes), None):
        raise InputError(
            "--for watches flows while others change the cluster, "
            f"and step {changing.name!r} changes it",
            hint="give a story of steps without changes; `npol run --to STEP` ends one before",
            at=changing.at,
        )
    if not any(step.flows for step in story.steps):
        raise InputError(f"{story.path}: there is no flow to watch")


def refuse_too_many(watched: Step) -> None:
    """
    Each pair of selected namespaces is a flow, so that this is known once they are read.

    Raises:
        InputError: they could not be asked often enough.
    """
    flows = len(watched.flows)
    if flows <= MOST_FLOWS:
        return
    sample = any(flow.pair for flow in watched.flows)
    raise InputError(
        f"--for asks at most {MOST_FLOWS} flows often enough, and these are {flows:,}",
        hint=f"`defaults: {{pairs: {MOST_FLOWS // 2}}}` asks a sample of the pairs"
        if sample
        else "watch a story of fewer flows",
    )
