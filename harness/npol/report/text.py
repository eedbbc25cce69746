"""
A run as lines of toned text: what the command line colours and pytest prints plainly.

One step at a time, so that a step can be shown as soon as it is told.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from npol.model.result import CheckResult, FlowResult, StepResult
from npol.report.causes import placed
from npol.report.change_words import told_changes
from npol.report.durations import enforced
from npol.report.escape import safe
from npol.report.flow_line import is_lookup
from npol.report.fresh_words import start_words
from npol.report.grid import StoryGrids
from npol.report.grid_text import grid_lines
from npol.report.pairs import pairs_lines
from npol.report.reasons import reason_words
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.summary import Result, counted, not_counted
from npol.report.symbols import CellSign, Line, StyledText, Tone, mark_of, tone_of
from npol.report.troubles import fact_and_hint

INDENT = "  "
FEW = 6
"""Flows of a step up to which an expected gateway error is explained on the spot."""


def title_line(story: str, path: str) -> Line:
    return (
        StyledText(f"story {safe(story)}", Tone.HEAD),
        StyledText(f"  {safe(path)}", Tone.FAINT),
    )


class StoryText:
    """
    The steps of one story, one after the other.

    A sign is explained beside the first table that has it. `verbose`: also why a check is not
    counted, and each of many changes.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._grids = StoryGrids()
        self._explained: set[CellSign] = set()

    def step(self, step: StepResult, width: int) -> Iterator[Line]:
        """Title, changes, table, lookups, checks, and what it took."""
        yield ()
        same = StyledText(f"  same as {safe(step.same_as)}", Tone.FAINT)
        yield (StyledText(safe(step.name), Tone.HEAD), *([same] if step.same_as else []))
        for change in told_changes(step.changes, every=self._verbose):
            yield _indented(StyledText(safe(change), Tone.FAINT))
        if step.skipped:
            yield _why_skipped(step)
        elif step.error:
            fact, hint = fact_and_hint(step.error)
            yield _indented(StyledText(f"error: {safe(fact)}", Tone.WRONG))
            if hint:
                yield _indented(StyledText(f"try: {safe(hint)}", Tone.WRONG))
        else:
            yield from self.results(step.results, width)

    def results(self, results: Sequence[Result], width: int) -> Iterator[Line]:
        """The results of one step, from the table to the count."""
        flows = [r for r in results if isinstance(r, FlowResult)]
        if table := self._grids.grid(flows):
            new = [sign for sign in table.signs if sign not in self._explained]
            self._explained |= set(new)
            for line in grid_lines(table, width - len(INDENT), new):
                yield (StyledText(INDENT), *line)
        yield from (_lookup(f) for f in flows if is_lookup(f))
        yield from _pairs(flows, width)
        yield from (line for f in flows for line in _fresh(f, width))
        yield from (self._check(r) for r in results if isinstance(r, CheckResult))
        yield from _gateways(flows, width)
        # One for each reason: forty flows of a place that is not there need one line.
        skipped = {r.skipped: r for r in reversed(results) if r.skipped}
        yield from map(_why_skipped, skipped.values())
        yield from _count(results, flows, width)

    def _check(self, check: CheckResult) -> Line:
        said = _said(check)
        if why := not_counted(check):
            said += why if self._verbose else ", not counted"
        return (StyledText(f"{INDENT}check {safe(check.name)}  "), StyledText(said, tone_of(check)))


def _lookup(flow: FlowResult) -> Line:
    head = f"{INDENT}{safe(flow.source)} ? {safe(flow.target)}  "
    return (StyledText(head), StyledText(_said(flow), tone_of(flow)))


def _pairs(flows: Sequence[FlowResult], width: int) -> Iterator[Line]:
    for flow, words in pairs_lines(flows):
        lines = textwrap.wrap(
            words,
            width,
            initial_indent=INDENT,
            subsequent_indent=INDENT + INDENT,
            break_on_hyphens=False,
            break_long_words=False,
        )
        yield from ((StyledText(line, tone_of(flow)),) for line in lines)


def _gateways(flows: Sequence[FlowResult], width: int) -> Iterator[Line]:
    """
    What lies behind an expected gateway error: the cut is not on the way that was asked.

    Only where the step asks little: among many flows the cut is in the table, too.
    """
    told = [f for f in flows if f.passed and f.cut_behind_proxy and f.causes]
    for flow in told if len(flows) <= FEW else []:
        text = f"{flow.status} because {placed(flow.causes[0])}"
        wrapped = textwrap.wrap(
            text, width - 2 * len(INDENT), break_on_hyphens=False, break_long_words=False
        )
        for part in wrapped:
            yield (StyledText(INDENT + INDENT), StyledText(part, Tone.CLOSED))


def _fresh(flow: FlowResult, width: int) -> Iterator[Line]:
    """What it did from the start of its fresh pod on."""
    if flow.fresh is None:
        return
    over, doubt = flow.fresh.over_budget, flow.fresh.may_be_over_budget
    tone = Tone.WRONG if over else Tone.UNKNOWN if doubt else Tone.PLAIN
    words = f"{safe(flow.name)}: {start_words(flow.fresh)}"
    for number, part in enumerate(textwrap.wrap(words, width - 2 * len(INDENT))):
        yield (StyledText(INDENT if number == 0 else 2 * INDENT), StyledText(part, tone))


def _said(result: Result) -> str:
    if result.skipped:
        return "skipped"
    if result.passed:
        return safe(seen_words(result))
    if isinstance(result, FlowResult) and tone_of(result) is Tone.WRONG:
        return mark_of(result)
    seen = safe(seen_words(result))
    return f"{result.verdict.value}: expected {safe(expected_words(result))}, seen {seen}"


def _why_skipped(result: Result | StepResult) -> Line:
    return _indented(StyledText(f"skipped: {safe(reason_words(result.skipped))}", Tone.SKIPPED))


def _count(results: Sequence[Result], flows: Sequence[FlowResult], width: int) -> Iterator[Line]:
    """In one line if it fits, else in two."""
    wrong = any(not r.passed for r in results)
    count, took = counted(results), enforced(flows)
    told = _indented(StyledText(count, Tone.WRONG if wrong else Tone.OPEN))
    one_line = len(f"{INDENT}{count}   {took}") <= width
    if took and one_line:
        told += (StyledText(f"   {took}", Tone.FAINT),)
    yield told
    if took and not one_line:
        yield _indented(StyledText(took, Tone.FAINT))


def _indented(piece: StyledText) -> Line:
    return (StyledText(INDENT), piece)
