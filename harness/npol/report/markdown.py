"""
A run for GitHub's job summary and for pull requests: failures first, the rest folded.

A summary above 1,024 KiB is dropped as a whole, so a long one is cut, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.result import CheckResult, FlowResult, StepResult, StoryReport
from npol.report.ask_again import AskAgain
from npol.report.durations import enforced
from npol.report.escape import fenced, markdown, markup, paragraph
from npol.report.failure import failure_text, heading
from npol.report.failure_groups import failure_groups
from npol.report.flow_line import arrow, is_lookup, target
from npol.report.graph import edges_of, mermaid
from npol.report.grid import Grid, StoryGrids
from npol.report.pairs import pairs_lines
from npol.report.reasons import reason_words
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.summary import (
    Result,
    cost_line,
    counted,
    enforcement_line,
    failures,
    last_line,
    not_counted,
    proven_line,
    restore_line,
)

MOST_BYTES = 1_000_000
"""Below GitHub's 1,024 KiB, with room for what other steps of the job write."""


def to_markdown(reports: Sequence[StoryReport], most_bytes: int = MOST_BYTES) -> str:
    """All runs of a job; what does not fit is left out from the end, the least telling."""
    blocks = [b for report in reports for b in _important(report)]
    blocks += [b for report in reports for b in _folded(report)]
    cut = "\nThe rest did not fit here; it is in the JSON and HTML reports.\n"
    room = most_bytes - len(cut.encode())
    kept: list[str] = []
    for block in blocks:
        room -= len(block.encode()) + 1
        if room < 0:
            return "\n".join([*kept, cut])
        kept.append(block)
    return "\n".join(kept)


def _important(report: StoryReport) -> Iterator[str]:
    sign = "❌" if report.exit_status else "✅"
    yield f"## {sign} {markdown(report.story)}: {counted(report.results)}\n"
    if report.error:
        yield fenced(paragraph(report.error)) + "\n"
    again = AskAgain.of(report)
    for group in failure_groups(failures(report)):
        where = f" in {markdown(group.at.file)}:{group.at.line}" if group.at else ""
        yield f"**{markdown(heading(group))}**{where}\n\n{fenced(failure_text(group, again))}\n"
    facts = (
        restore_line(report.restore),
        enforcement_line(report.cluster),
        proven_line(report),
        *report.notes,
    )
    yield "".join(f"- {markdown(f)}\n" for f in (*facts, cost_line(report), last_line(report)) if f)


def _folded(report: StoryReport) -> Iterator[str]:
    grids = StoryGrids()
    for step in report.steps:
        title = markup(f"{report.story}: {step.name}, {counted(step.results)}")
        body = "\n".join(_step(step, grids.grid(step.flows)))
        yield f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"


def _step(step: StepResult, table: Grid | None) -> Iterator[str]:
    yield from (f"- {markdown(change)}" for change in step.changes)
    for label, text in (("skipped", reason_words(step.skipped)), ("error", step.error)):
        if text:
            yield f"- {label}: {markdown(text)}"
    if took := enforced(step.flows):
        yield f"- {took}"
    yield from (f"- {markdown(words)}" for _, words in pairs_lines(step.flows))
    if table:
        yield ""
        yield from _table(table)
    others = [r for r in step.results if isinstance(r, CheckResult) or is_lookup(r)]
    if others:
        yield "\n| asked | expected | seen |\n|---|---|---|"
        yield from (_row(r) for r in others)
    if drawing := mermaid(edges_of(step.flows)):
        yield f"\n```mermaid\n{drawing}\n```"


def _table(table: Grid) -> Iterator[str]:
    yield f"| from \\\\ to | {' | '.join(map(markdown, table.targets))} |"
    yield "|---" * (len(table.targets) + 1) + "|"
    for source, row in zip(table.sources, table.cells, strict=True):
        cells = (
            " / ".join(dict.fromkeys(_words(r) for r in cell.results))
            + (" (changed)" if cell.changed else "")
            for cell in row
        )
        yield f"| {markdown(source)} | {' | '.join(cells)} |"


def _words(result: FlowResult) -> str:
    """What a cell says: no marks that a reader must learn."""
    if result.skipped:
        return "skipped"
    if result.passed:
        return markdown(seen_words(result) if result.answered else str(result.expected))
    seen = markdown(seen_words(result)) or "nothing"
    return f"❌ **{result.verdict.value}**: expected {result.expected}, seen {seen}"


def _row(result: Result) -> str:
    asked = result.name
    if isinstance(result, FlowResult):
        asked = f"{result.source} {arrow(result)} {target(result)}"
    seen = f"{seen_words(result)}{not_counted(result)}"
    if result.skipped:
        seen = f"skipped: {reason_words(result.skipped)}"
    sign = "" if result.passed else "❌ "
    return f"| {markdown(asked)} | {markdown(expected_words(result))} | {sign}{markdown(seen)} |"
