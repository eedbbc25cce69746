"""Lines without colours, for pytest's terminal and for logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npol.model.result import StoryReport
from npol.report.escape import safe
from npol.report.json import result_from
from npol.report.summary import Result, cluster_line, enforcement_line, proven_line, restore_line
from npol.report.symbols import LEGEND, Line
from npol.report.text import INDENT, result_lines, story_lines

WIDTH = 100


def story_text(report: StoryReport, width: int = WIDTH) -> str:
    """A whole run."""
    return "\n".join(map(_text, story_lines(report, width))) + "\n"


def session_summary(
    found: Sequence[Mapping[str, Any]], reports: Sequence[StoryReport], width: int = WIDTH
) -> Iterator[str]:
    """
    What a test session saw, story by story and step by step.

    Args:
        found: `{"story": NAME, "result": result_data(...)}` for each item that was asked.
        reports: the runs of this process; under pytest-xdist, the controller has none.
    """
    for (story, step), results in _by_step(found).items():
        yield f"{safe(story)}: {safe(step)}"
        yield from (INDENT + _text(line) for line in result_lines(results, width - len(INDENT)))
    yield LEGEND
    for report in reports:
        notes = (f"note: {safe(note)}" for note in report.notes)
        endings = (
            restore_line(report.restore),
            enforcement_line(report.cluster),
            proven_line(report),
            *notes,
        )
        yield from (f"{safe(report.story)}: {line}" for line in endings if line)
    yield from dict.fromkeys(cluster_line(r.cluster) for r in reports)


def _by_step(found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Result]]:
    steps: dict[tuple[str, str], list[Result]] = {}
    for one in found:
        result = result_from(one["result"])
        steps.setdefault((one["story"], result.step), []).append(result)
    return steps


def _text(line: Line) -> str:
    return "".join(piece.text for piece in line).rstrip()
