"""A table of flows as lines of text, with its legend beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from npol.report.grid import Grid
from npol.report.symbols import MEANINGS, CellSign, Line, StyledText, Tone

GAP = "    "


def grid_lines(table: Grid, width: int, legend: Iterable[CellSign] = ()) -> Iterator[Line]:
    """
    The table in `width` columns; targets that do not fit beside each other come below.

    A header is two lines, peer and port, so that columns stay narrow. `legend`: the signs to
    explain, to the right of the table if there is room, else below it.
    """
    lines = list(_table(table, width))
    entries = [f"{sign.value:<4}  {MEANINGS[sign]}" for sign in legend]
    widest = max(sum(len(p.text) for p in line) for line in lines)
    room = width - widest - len(GAP)
    lines += [()] * max(0, len(entries) - len(lines)) if len(entries) <= len(lines) + 2 else []
    if len(entries) <= len(lines) and room >= max(map(len, entries), default=0):
        for number, line in enumerate(lines):
            entry = entries[number] if number < len(entries) else ""
            used = sum(len(p.text) for p in line)
            gap = " " * (widest - used) + GAP if entry else ""
            yield (*line, StyledText(gap + entry, Tone.FAINT))
        return
    yield from lines
    yield from _below(legend, width)


def _below(legend: Iterable[CellSign], width: int) -> Iterator[Line]:
    """`.  allowed   X  denied`, as many to a line as fit."""
    line = ""
    for entry in (f"{sign.value}  {MEANINGS[sign]}" for sign in legend):
        if line and len(line) + 3 + len(entry) > width:
            yield (StyledText(line, Tone.FAINT),)
            line = ""
        line += ("   " if line else "") + entry
    if line:
        yield (StyledText(line, Tone.FAINT),)


def _table(table: Grid, width: int) -> Iterator[Line]:
    first = max(len(s) for s in table.sources)
    heads = [_split(t) for t in table.targets]
    widths = [
        max(len(peer), len(port), *(len(row[i].mark) for row in table.cells))
        for i, (peer, port) in enumerate(heads)
    ]
    for number, chunk in enumerate(_chunks(widths, width - first)):
        if number:
            yield ()
        for half in (0, 1):
            names = (StyledText(f"  {heads[i][half]:<{widths[i]}}", Tone.HEAD) for i in chunk)
            yield (StyledText(" " * first), *names)
        for source, row in zip(table.sources, table.cells, strict=True):
            if number and not any(row[i].results for i in chunk):
                continue
            marks = (StyledText(f"  {row[i].mark:<{widths[i]}}", row[i].tone) for i in chunk)
            yield (StyledText(f"{source:<{first}}", Tone.HEAD), *marks)


def _split(header: str) -> tuple[str, str]:
    peer, colon, port = header.rpartition(":")
    return (peer, f"{colon}{port}") if colon else (header, "")


def _chunks(widths: Sequence[int], space: int) -> Iterator[list[int]]:
    """Columns in groups that fit; a column that is too wide stands alone."""
    group: list[int] = []
    used = 0
    for i, width in enumerate(widths):
        if group and used + width + 2 > space:
            yield group
            group, used = [], 0
        group.append(i)
        used += width + 2
    if group:
        yield group
