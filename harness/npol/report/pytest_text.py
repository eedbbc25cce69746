"""Lines without colours, for pytest's terminal and for logs."""

from __future__ import annotations

from collections import Counter
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

_Story = tuple[str, str]
"""A story's name, and its path."""


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
        found: `{"story": NAME, "path": PATH, "result": result_data(...)}` for each item that was
            asked.
        reports: the runs of this process; under pytest-xdist, the controller has none.
        verbose: also the notes of runs in which nothing failed.
    """
    stories = _by_story(found)
    names = _told_apart([*stories, *((r.story, r.path) for r in reports)])
    for story, steps in stories.items():
        text = StoryText(verbose=verbose)
        for step, results in steps.items():
            yield f"{names[story]}: {safe(step)}"
            yield from (INDENT + plain(line) for line in text.results(results, width - len(INDENT)))
    for report in reports:
        name = names[report.story, report.path]
        yield from (f"{name}: {line}" for line in _endings(report, verbose) if line)
        yield from map(plain, watch_lines(report.watch) if report.watch else ())
    yield from dict.fromkeys(cluster_line(r.cluster) for r in reports)


def _told_apart(stories: Sequence[_Story]) -> dict[_Story, str]:
    """What each is called: by its name, and where others are called the same, its path."""
    often = Counter(name for name, _ in set(stories))
    return {
        (name, path): safe(f"{name} ({path})" if often[name] > 1 else name)
        for name, path in stories
    }


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


def _by_story(found: Sequence[Mapping[str, Any]]) -> dict[_Story, dict[str, list[Result]]]:
    """The results of each story's steps; those of several workers come mixed."""
    stories: dict[_Story, dict[str, list[Result]]] = {}
    for one in found:
        result = result_from(one["result"])
        steps = stories.setdefault((one["story"], one["path"]), {})
        steps.setdefault(result.step, []).append(result)
    return stories


def plain(line: Line) -> str:
    """A line without its tones."""
    return "".join(piece.text for piece in line).rstrip()
