"""Where a story written in Python stands: at the lines of the test, not of the text made of it."""

from __future__ import annotations

import sys
from dataclasses import replace

from npol.errors import Mistakes, Position
from npol.model.story import Step, Story


def caller() -> Position:
    """The nearest line outside of npol that is under way."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "npol":
        frame = frame.f_back
    return Position(frame.f_code.co_filename, frame.f_lineno)


def placed(story: Story, at: Position) -> Story:
    """The same story, whose peers and steps stand there; manifests stay where they are."""
    return replace(
        story,
        peers={name: replace(peer, at=at) for name, peer in story.peers.items()},
        steps=tuple(_placed(step, at) for step in story.steps),
    )


def _placed(step: Step, at: Position) -> Step:
    return replace(
        step,
        at=at,
        flows=tuple(replace(flow, at=at) for flow in step.flows),
        changes=tuple(replace(change, at=at) for change in step.changes),
    )


def placed_mistakes(error: Mistakes, path: str, at: Position) -> Mistakes:
    """The same mistakes; those of the story itself, which is called `path`, are found there."""
    return Mistakes([replace(m, at=at) if m.at.file == path else m for m in error.mistakes])
