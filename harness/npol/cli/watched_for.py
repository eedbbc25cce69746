"""`npol run --for DURATION`: what the flows do while people change the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npol.errors import InputError
from npol.model.gap import FlowTurn
from npol.model.story import Story
from npol.report import turn_events
from npol.report.terminal import Terminal
from npol.run import StoryRun
from npol.run.watchable import refuse_unwatchable, watch_seconds


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
        seconds = watch_seconds(text)
        if len(stories) != 1:
            raise InputError("--for watches one story", hint="run them one by one")
        refuse_unwatchable(stories[0])
        turn_events.begin(events)
        return cls(seconds=seconds, events=events)

    def watch(self, run: StoryRun, terminal: Terminal) -> None:
        """Until the time is over, or a signal ends the run."""
        with turn_events.written(self.events) as write:

            def tell(turn: FlowTurn) -> None:
                if self.events != turn_events.STANDARD_OUTPUT:
                    terminal.turn(turn)
                write(turn)

            run.watch(self.seconds, tell)
