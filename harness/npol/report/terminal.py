"""Coloured lines for the command line. Colours only repeat what the marks say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.text import Text

from npol.model.gap import FlowTurn
from npol.model.result import StepResult, StoryReport
from npol.report.ending import ending_lines
from npol.report.symbols import Line, Tone
from npol.report.text import StoryText, title_line
from npol.report.watch_text import turn_line

_STYLES = {
    Tone.OPEN: "green",
    Tone.CLOSED: "blue",
    Tone.WRONG: "bold red",
    Tone.UNKNOWN: "bold yellow",
    Tone.SKIPPED: "dim",
    Tone.HEAD: "bold",
    Tone.FAINT: "dim",
    Tone.PLAIN: "",
}
NARROWEST, WIDEST = 60, 140


class Terminal:
    """
    Shows a run as it is told. `console` decides on width and colours.

    rich honours NO_COLOR, FORCE_COLOR, TERM=dumb and whether it writes to a terminal.
    `verbose`: everything that is known, of green runs too. `aside` is held while lines are
    written: something else may be shown where they go.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        verbose: bool = False,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._aside = aside
        self._console = console or Console(highlight=False, emoji=False, markup=False)
        self._verbose = verbose
        self._steps = StoryText(verbose=verbose)

    @property
    def width(self) -> int:
        return min(max(self._console.width, NARROWEST), WIDEST)

    def title(self, story: str, path: str) -> None:
        """A story begins."""
        self._steps = StoryText(verbose=self._verbose)
        self._show([title_line(story, path)])

    def step(self, step: StepResult) -> None:
        """One step, as soon as it is told."""
        self._show(self._steps.step(step, self.width))

    def turn(self, turn: FlowTurn) -> None:
        """A watched flow that is otherwise than a moment ago."""
        self._show([turn_line(turn)])

    def ending(self, report: StoryReport, *, rerun: str = "") -> None:
        """Failures explained by cause, and the summary."""
        self._show(ending_lines(report, self.width, rerun=rerun, verbose=self._verbose))

    def story(self, report: StoryReport) -> None:
        """A whole run at once."""
        self.title(report.story, report.path)
        for step in report.steps:
            self.step(step)
        self.ending(report)

    def _show(self, lines: Iterable[Line]) -> None:
        with self._aside():
            for line in lines:
                text = Text.assemble(*((p.text, _STYLES[p.tone]) for p in line))
                text.rstrip()
                self._console.print(text, soft_wrap=True, overflow="ignore", no_wrap=True)
