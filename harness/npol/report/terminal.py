"""Coloured lines for the command line. Colours only repeat what the marks say."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from npol.model.result import StepResult, StoryReport
from npol.report.escape import safe
from npol.report.symbols import Line, StyledText, Tone
from npol.report.text import ending_lines, step_lines, title_line

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
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, emoji=False, markup=False)

    @property
    def width(self) -> int:
        return min(max(self._console.width, NARROWEST), WIDEST)

    def title(self, story: str, path: str) -> None:
        self._show([title_line(story, path)])

    def step(self, step: StepResult) -> None:
        """One step, as soon as it is told."""
        self._show(step_lines(step, self.width))

    def ending(self, report: StoryReport, *, rerun: str = "") -> None:
        """Failures explained, the restore, and the cluster."""
        self._show(ending_lines(report, self.width, rerun=rerun))

    def story(self, report: StoryReport) -> None:
        """A whole run at once."""
        self.title(report.story, report.path)
        for step in report.steps:
            self.step(step)
        self.ending(report)

    def progress(self, line: str) -> None:
        """What is going on while nothing else is shown."""
        self._show([(StyledText(safe(line), Tone.FAINT),)])

    def _show(self, lines: Iterable[Line]) -> None:
        for line in lines:
            text = Text.assemble(*((p.text, _STYLES[p.tone]) for p in line))
            text.rstrip()
            self._console.print(text, soft_wrap=True, overflow="ignore", no_wrap=True)
