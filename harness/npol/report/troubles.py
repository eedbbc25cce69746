"""What went wrong in a run beside its flows and checks: without it a report would look clean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from npol.errors import Position
from npol.model.result import StoryReport
from npol.report.escape import safe
from npol.report.summary import restore_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A step that could not be done, a run that ended early, a cluster that is not as it was."""

    at: Position
    about: str
    """The step, or a word for the run."""
    text: str

    @property
    def words(self) -> str:
        """In one line, what to try included."""
        return safe(f"{self.about}: {' '.join(self.text.split())}")


def fact_and_hint(error: str) -> tuple[str, str]:
    """What an error says, as a report holds it, and what it says to try; "" for nothing."""
    fact, _, hint = error.partition("\n  try: ")
    return fact, hint


def troubles(report: StoryReport) -> Iterator[Trouble]:
    """Each once: what ended a step may have ended the run."""
    for step in report.steps:
        if step.error and step.error != report.error:
            yield Trouble(at=step.at, about=step.name, text=step.error)
    top = Position(report.path)
    if report.error:
        yield Trouble(at=top, about="the run ended early", text=report.error)
    if report.restore and not report.restore.complete:
        said = "; ".join((restore_line(report.restore), *report.restore.problems))
        yield Trouble(at=top, about="restore", text=said)
