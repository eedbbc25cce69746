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
    bullet = "- " if len(part.lines) > 1 and part.layout is Layout.BULLETS else ""
    for number, line in enumerate(part.lines):
        head = label if number == 0 else " " * len(label)
        if part.layout is Layout.COMMANDS or (part.literal and len(head + line) <= width):
            yield head + safe(line)
        elif part.layout is Layout.COLUMNS:
            yield from _row(line, head, width)
        else:
            yield from _wrapped(line, head + bullet, width)


def _row(line: str, head: str, width: int) -> Iterator[str]:
    """A row that is too long: the columns that do not fit stand below the others."""
    cut = line.rfind("  ", 0, max(width - len(head) + 2, 0))
    columns = line[: max(cut, 0)].rstrip()
    if not columns:
        yield from _wrapped(line, head, width, 2)
        return
    yield head + safe(columns)
    yield from _wrapped(line[cut:].strip(), " " * (len(head) + 2), width)


def _wrapped(line: str, head: str, width: int, hanging: int = 0) -> Iterator[str]:
    """`head` stands before the first line, and as much room before the others."""
    yield from textwrap.wrap(
        line,
        width=max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * (len(head) + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )
