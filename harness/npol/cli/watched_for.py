"""`npol run --for DURATION`: what the flows do while people change the cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from npol.errors import InputError
from npol.model.gap import FlowTurn
from npol.model.story import Story
from npol.report.terminal import Terminal
from npol.run import StoryRun
from npol.story.field_validators import NotValid, duration

MOST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFor:
    """For how long, and where each turn is written."""

    seconds: float
    events: str | None

    @classmethod
    def of(
        cls, text: str | None, events: str | None, stories: Sequence[Story]
    ) -> WatchedFor | None:
        """
        None without `--for`.

        Raises:
            InputError: it is no duration, or the stories are none to watch.
        """
        if text is None:
            if events is not None:
                raise InputError("--events tells what --for sees", hint="add --for DURATION")
            return None
        try:
            seconds = duration(text, most_minutes=MOST_MINUTES)
        except NotValid as error:
            raise InputError(f"--for: {error}", hint=error.hint) from error
        if len(stories) != 1:
            raise InputError("--for watches one story", hint="run them one by one")
        _refuse_changes(stories[0])
        _begin(events)
        return cls(seconds=seconds, events=events)

    def watch(self, run: StoryRun, terminal: Terminal) -> None:
        """Until the time is over, or a signal ends the run."""
        with _written(self.events) as write:

            def tell(turn: FlowTurn) -> None:
                if self.events != "-":
                    terminal.turn(turn)
                write(turn)

            run.watch(self.seconds, tell)


def _refuse_changes(story: Story) -> None:
    """Whoever changes the cluster while it is watched is not npol."""
    if changing := next((step for step in story.steps if step.changes), None):
        raise InputError(
            "--for watches flows while others change the cluster, "
            f"and step {changing.name!r} changes it",
            hint="give a story of steps without changes, or --to a step before that one",
            at=changing.at,
        )
    if not any(step.flows for step in story.steps):
        raise InputError(f"{story.path}: there is no flow to watch")


def _begin(events: str | None) -> None:
    """
    Make the file, before anything is sent to a cluster.

    Raises:
        InputError: it cannot be written.
    """
    if events is None or events == "-":
        return
    try:
        Path(events).write_text("", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--events {events}: {error.strerror}") from error


@contextmanager
def _written(events: str | None) -> Iterator[Callable[[FlowTurn], object]]:
    """Where the lines of JSON go."""
    if events is None:
        yield lambda turn: None
        return
    if events == "-":
        yield lambda turn: print(_json(turn), file=sys.stdout, flush=True)
        return
    with open(events, "w", encoding="utf-8", buffering=1) as file:
        yield lambda turn: file.write(_json(turn) + "\n")


def _json(turn: FlowTurn) -> str:
    return json.dumps({**asdict(turn), "saw": turn.saw.value if turn.saw else "as expected"})
