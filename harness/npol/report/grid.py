"""The flows of a step as a table: sources by targets, one mark a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.failure import is_lookup, target
from npol.report.symbols import Line, StyledText, Tone, mark_of, tone_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One crossing: its mark, its tone, and the results behind it."""

    mark: str = ""
    tone: Tone = Tone.PLAIN
    results: tuple[FlowResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """Sources, targets, and a row of cells for each source."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


def grid(flows: Sequence[FlowResult]) -> Grid | None:
    """The table of all flows that reach for a port; None when there are none."""
    asked = [f for f in flows if not is_lookup(f)]
    if not asked:
        return None
    sources = tuple(dict.fromkeys(safe(f.source) for f in asked))
    targets = tuple(dict.fromkeys(target(f) for f in asked))
    behind: dict[tuple[str, str], list[FlowResult]] = {}
    for flow in asked:
        behind.setdefault((safe(flow.source), target(flow)), []).append(flow)
    cells = tuple(tuple(_cell(behind.get((s, t), [])) for t in targets) for s in sources)
    return Grid(sources, targets, cells)


_WORST_FIRST = (Tone.WRONG, Tone.UNKNOWN, Tone.CLOSED, Tone.OPEN, Tone.SKIPPED)


def _cell(results: Sequence[FlowResult]) -> Cell:
    """Several flows may cross here (another path, another name): all that differ are shown."""
    if not results:
        return Cell()
    ranked = sorted(results, key=lambda r: _WORST_FIRST.index(tone_of(r)))
    marks = dict.fromkeys(mark_of(r) for r in ranked)
    return Cell(" ".join(marks), tone_of(ranked[0]), tuple(results))


def grid_lines(table: Grid, width: int) -> Iterator[Line]:
    """
    The table in `width` columns; targets that do not fit beside each other come below.

    A header is two lines, peer and port, so that columns stay narrow.
    """
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
