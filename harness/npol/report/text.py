"""
A run as lines of toned text: what the command line colours and pytest prints plainly.

One step at a time, so that a step can be shown as soon as it is told.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from npol.model.result import CheckResult, FlowResult, StepResult, StoryReport
from npol.report.escape import safe
from npol.report.failure import failure_text, is_lookup, placed
from npol.report.grid import grid, grid_lines
from npol.report.summary import (
    Result,
    cost_line,
    counted,
    enforced,
    enforcement_line,
    failures,
    last_line,
    not_counted,
    proven_line,
    restore_line,
)
from npol.report.symbols import LEGEND, Line, StyledText, Tone, mark_of, tone_of

INDENT = "  "
GATEWAY_ERRORS = (502, 504)
FEW = 6
"""Flows of a step up to which an expected gateway error is explained on the spot."""
MOST_EXPLAINED = 20
"""Failures explained at the end of a run; the marks and the other reports have the rest."""


def story_lines(report: StoryReport, width: int) -> Iterator[Line]:
    """The whole run."""
    yield title_line(report.story, report.path)
    for step in report.steps:
        yield from step_lines(step, width)
    yield from ending_lines(report, width)


def title_line(story: str, path: str) -> Line:
    return (
        StyledText(f"story {safe(story)}", Tone.HEAD),
        StyledText(f"  {safe(path)}", Tone.FAINT),
    )


def step_lines(step: StepResult, width: int) -> Iterator[Line]:
    """One step: title, changes, table, lookups, checks, and what it took."""
    yield ()
    yield (StyledText(safe(step.name), Tone.HEAD), *_aside(step))
    yield from (_indented(StyledText(safe(c), Tone.FAINT)) for c in step.changes)
    if step.skipped:
        yield _indented(StyledText(f"skipped: {safe(step.skipped)}", Tone.SKIPPED))
    elif step.error:
        yield _indented(StyledText(f"error: {safe(step.error)}", Tone.WRONG))
    else:
        yield from result_lines(step.results, width)


def _aside(step: StepResult) -> Iterator[StyledText]:
    if step.same_as:
        yield StyledText(f"  same as {safe(step.same_as)}", Tone.FAINT)


def result_lines(results: Sequence[Result], width: int) -> Iterator[Line]:
    """The results of one step, from the table to the count."""
    flows = [r for r in results if isinstance(r, FlowResult)]
    if table := grid(flows):
        yield from ((StyledText(INDENT), *line) for line in grid_lines(table, width - len(INDENT)))
    yield from (_lookup(f) for f in flows if is_lookup(f))
    yield from (_check(r) for r in results if isinstance(r, CheckResult))
    yield from _gateways(flows, width)
    yield from (_why_skipped(r) for r in _skipped_for_different_reasons(results))
    yield _count(results, flows)


def _lookup(flow: FlowResult) -> Line:
    head = f"{INDENT}{safe(flow.source)} ? {safe(flow.target)}  "
    return (StyledText(head), StyledText(_said(flow), tone_of(flow)))


def _gateways(flows: Sequence[FlowResult], width: int) -> Iterator[Line]:
    """
    What lies behind an expected 502 or 504: the cut is not on the way that was asked.

    Only where the step asks little: among many flows the cut is in the table, too.
    """
    told = [f for f in flows if f.passed and f.status in GATEWAY_ERRORS and f.causes]
    for flow in told if len(flows) <= FEW else []:
        text = f"{flow.status} because {placed(flow.causes[0])}"
        for part in textwrap.wrap(text, width - 2 * len(INDENT), break_on_hyphens=False):
            yield (StyledText(INDENT + INDENT), StyledText(part, Tone.CLOSED))


def _said(result: Result) -> str:
    if result.skipped:
        return "skipped"
    if result.passed:
        return safe(result.seen)
    if isinstance(result, FlowResult) and tone_of(result) is Tone.WRONG:
        return mark_of(result)
    return (
        f"{result.verdict.value}: expected {safe(str(result.expected))}, seen {safe(result.seen)}"
    )


def _check(check: CheckResult) -> Line:
    said = _said(check) + not_counted(check)
    return (StyledText(f"{INDENT}check {safe(check.name)}  "), StyledText(said, tone_of(check)))


def _skipped_for_different_reasons(results: Sequence[Result]) -> list[Result]:
    """One result for each reason: forty flows of a place that is not there need one line."""
    return list({r.skipped: r for r in reversed(results) if r.skipped}.values())


def _why_skipped(result: Result) -> Line:
    return _indented(StyledText(f"skipped: {safe(result.skipped)}", Tone.SKIPPED))


def _count(results: Sequence[Result], flows: Sequence[FlowResult]) -> Line:
    wrong = any(not r.passed for r in results)
    pieces = [StyledText(INDENT), StyledText(counted(results), Tone.WRONG if wrong else Tone.OPEN)]
    if took := enforced(flows):
        pieces.append(StyledText(f"   {took}", Tone.FAINT))
    return tuple(pieces)


def _indented(piece: StyledText) -> Line:
    return (StyledText(INDENT), piece)


def ending_lines(report: StoryReport, width: int, *, rerun: str = "") -> Iterator[Line]:
    """Failures explained, the restore, the count, and last of all the cluster."""
    context = report.cluster.context if report.cluster else ""
    failed = failures(report)
    for result in failed[:MOST_EXPLAINED]:
        yield ()
        text = failure_text(result, rerun=rerun, context=context, width=width)
        head, *rest = text.split("\n")
        yield (
            StyledText(head, tone_of(result)),
            StyledText(f"  (step {safe(result.step)})", Tone.FAINT),
        )
        yield from ((StyledText(line),) for line in rest)
    if len(failed) > MOST_EXPLAINED:
        yield ()
        yield (StyledText(f"and {len(failed) - MOST_EXPLAINED} more failures", Tone.WRONG),)
    yield ()
    if report.error:
        yield from ((StyledText(safe(line), Tone.WRONG),) for line in report.error.split("\n"))
    if restored := restore_line(report.restore):
        fine = report.restore is None or report.restore.proven
        yield (StyledText(restored, Tone.PLAIN if fine else Tone.WRONG),)
    if known := enforcement_line(report.cluster):
        yield (StyledText(known, Tone.FAINT),)
    if proven := proven_line(report):
        yield (StyledText(proven, Tone.FAINT),)
    for note in report.notes:
        yield (StyledText(f"note: {safe(note)}", Tone.FAINT),)
    yield (StyledText(f"{counted(report.results)} in {cost_line(report)}"),)
    yield (StyledText(LEGEND, Tone.FAINT),)
    yield (StyledText(last_line(report), Tone.WRONG if report.exit_status else Tone.OPEN),)
