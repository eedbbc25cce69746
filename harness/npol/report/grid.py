"""The flows of a step as a table: sources by targets, one mark a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from npol.model.expectation import Outcome
from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.flow_line import is_lookup, target
from npol.report.symbols import CHANGED, CellSign, Tone, mark_of, sign_of, tone_of

Ends = tuple[str, str]
Seen = tuple[Outcome | None, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One crossing: its mark, its tone, and the results behind it."""

    mark: str = ""
    tone: Tone = Tone.PLAIN
    results: tuple[FlowResult, ...] = ()
    changed: bool = False
    """Whether a flow did something else when it was last asked."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Sources, targets, and a row of cells for each source."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def changed(self) -> list[str]:
        """The names of the flows in cells that have changed."""
        cells = (cell for row in self.cells for cell in row if cell.changed)
        return [result.name for cell in cells for result in cell.results]

    @property
    def signs(self) -> tuple[CellSign, ...]:
        """The signs that stand in it, in the order of legends."""
        cells = [cell for row in self.cells for cell in row]
        found = {sign_of(r) for cell in cells for r in cell.results}
        found |= {CellSign.CHANGED} if any(cell.changed for cell in cells) else set()
        return tuple(sign for sign in CellSign if sign in found)


@dataclass(slots=True)
class StoryGrids:
    """
    The tables of one story, step after step.

    Sources and targets keep the order in which the story first asked them, and what a flow did
    when it was last asked is remembered.
    """

    _sources: dict[str, None] = field(default_factory=dict)
    _targets: dict[str, None] = field(default_factory=dict)
    _seen: dict[Ends, dict[str, Seen]] = field(default_factory=dict)
    """What was last seen of the flows between two ends, by their names."""

    def grid(self, flows: Sequence[FlowResult]) -> Grid | None:
        """The table of a step's flows that reach for a port; None when there are none."""
        asked = [f for f in flows if not is_lookup(f)]
        behind: dict[Ends, list[FlowResult]] = {}
        for flow in asked:
            behind.setdefault((safe(flow.source), target(flow)), []).append(flow)
        here, there = dict.fromkeys(s for s, _ in behind), dict.fromkeys(t for _, t in behind)
        self._sources |= here
        self._targets |= there
        sources = tuple(s for s in self._sources if s in here)
        targets = tuple(t for t in self._targets if t in there)
        changed = {ends for ends, results in behind.items() if self._changed(ends, results)}
        cells = tuple(
            tuple(_cell(behind.get((s, t), []), (s, t) in changed) for t in targets)
            for s in sources
        )
        return Grid(sources, targets, cells) if asked else None

    def _changed(self, ends: Ends, results: Sequence[FlowResult]) -> bool:
        """
        Whether something else is seen than last time, which is remembered.

        A flow is known by its name. One with a new name is compared where all flows between
        these ends did the same last time.
        """
        before = self._seen.get(ends, {})
        now = {f.name: (f.outcome, f.status) for f in results if not (f.skipped or f.inconclusive)}
        self._seen[ends] = {**before, **now} if now.keys() <= before.keys() else now or before
        alike = next(iter(before.values())) if len(set(before.values())) == 1 else None
        return any(before.get(name, alike or seen) != seen for name, seen in now.items())


_WORST_FIRST = (Tone.WRONG, Tone.UNKNOWN, Tone.CLOSED, Tone.OPEN, Tone.SKIPPED)


def _cell(results: Sequence[FlowResult], changed: bool) -> Cell:
    """Several flows may cross here (another path, another name): all that differ are shown."""
    if not results:
        return Cell()
    ranked = sorted(results, key=lambda r: _WORST_FIRST.index(tone_of(r)))
    marks = dict.fromkeys(mark_of(r) for r in ranked)
    mark = " ".join(marks) + (CHANGED if changed else "")
    return Cell(mark, tone_of(ranked[0]), tuple(results), changed)
