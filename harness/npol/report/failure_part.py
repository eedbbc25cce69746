"""A labelled paragraph of an explanation, and its lines on a terminal."""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from npol.report.escape import safe

WIDTH = 100
MOST_LISTED = 20
"""Rows of one part that are listed; the marks and the other reports have the rest."""
_LABEL = 11


class Layout(enum.Enum):
    """How the lines of a part stand."""

    BULLETS = "bullets"  # sentences, each wrapped; a bullet before each of several
    LINES = "lines"  # the same without bullets
    COLUMNS = "columns"  # rows of a table, wrapped only where they are too long
    COMMANDS = "commands"  # for copying: never broken


@dataclass(frozen=True, slots=True)
class FailurePart:
    """A labelled paragraph."""

    label: str
    lines: tuple[str, ...]
    layout: Layout = Layout.BULLETS

    @property
    def literal(self) -> bool:
        """Whether its spaces mean something."""
        return self.layout in (Layout.COLUMNS, Layout.COMMANDS)


def laid_out(part: FailurePart, width: int) -> Iterator[str]:
    label = f"  {part.label:<{_LABEL}}" if part.label else "  "
    blank = " " * len(label)
    bullet = "- " if len(part.lines) > 1 and part.layout is Layout.BULLETS else ""
    hanging = 2 if bullet or part.layout is Layout.COLUMNS else 0
    for number, line in enumerate(part.lines):
        head = label if number == 0 else blank
        if part.literal and (part.layout is Layout.COMMANDS or len(head + line) <= width):
            yield head + safe(line)
            continue
        yield from textwrap.wrap(
            line,
            width=max(width, 40),
            initial_indent=head + bullet,
            subsequent_indent=blank + " " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
