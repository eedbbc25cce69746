"""Lines without colours, for pytest's terminal and for logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npol.model.result import StoryReport
from npol.report.ending import ending_lines
from npol.report.escape import safe
from npol.report.failure_part import WIDTH
from npol.report.json import result_from
from npol.report.summary import (
    Result,
    cluster_line,
    enforcement_line,
    in_a_lab_of_its_own,
    proven_line,
    restore_line,
)
from npol.report.symbols import Line
from npol.report.text import INDENT, StoryText, title_line
from npol.report.watch_text import watch_lines


def story_text(report: StoryReport, width: int = WIDTH) -> str:
    """A whole run."""
    steps = StoryText(verbose=True)
    lines = [title_line(report.story, report.path)]
    for step in report.steps:
        lines += steps.step(step, width)
    lines += ending_lines(report, width, verbose=True)
    return "\n".join(map(plain, lines)) + "\n"


def session_summary(
    found: Sequence[Mapping[str, Any]],
    reports: Sequence[StoryReport],
    width: int = WIDTH,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """
    What a test session saw, story by story and step by step.

    Args:
        found: `{"story": NAME, "result": result_data(...)}` for each item that was asked.
        reports: the runs of this process; under pytest-xdist, the controller has none.
        verbose: also the notes of runs in which nothing failed.
    """
    stories: dict[str, StoryText] = {}
    for (story, step), results in _by_step(found).items():
        yield f"{safe(story)}: {safe(step)}"
        text = stories.setdefault(story, StoryText(verbose=verbose))
        yield from (INDENT + plain(line) for line in text.results(results, width - len(INDENT)))
    for report in reports:
        yield from (f"{safe(report.story)}: {line}" for line in _endings(report, verbose) if line)
        yield from map(plain, watch_lines(report.watch) if report.watch else ())
    yield from dict.fromkeys(cluster_line(r.cluster) for r in reports)


def _endings(report: StoryReport, verbose: bool) -> Iterator[str]:
    """How the cluster was given back and, unless all is well, what else to know of the run."""
    yield restore_line(report.restore)
    in_a_lab = report.cluster is not None and report.cluster.is_lab
    loud = verbose or report.exit_status != 0
    if loud or not in_a_lab:
        yield enforcement_line(report.cluster)
    if loud:
        yield proven_line(report)
    if loud or not in_a_lab_of_its_own(report):
        yield from (f"note: {safe(note)}" for note in report.notes)


def _by_step(found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Result]]:
    steps: dict[tuple[str, str], list[Result]] = {}
    for one in found:
        result = result_from(one["result"])
        steps.setdefault((one["story"], result.step), []).append(result)
    return steps


def plain(line: Line) -> str:
    """A line without its tones."""
    return "".join(piece.text for piece in line).rstrip()
