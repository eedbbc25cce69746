"""A run in the Test Anything Protocol, version 14."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.result import StoryReport
from npol.report.claims import place_of, said
from npol.report.escape import safe
from npol.report.reasons import reason_words
from npol.report.summary import Result, restore_line
from npol.report.troubles import fact_and_hint


def to_tap(reports: Sequence[StoryReport]) -> str:
    """All runs of a job: a point for each flow and check, one for each restore."""
    points = [p for report in reports for p in _points(report)]
    lines = ["TAP version 14", f"1..{len(points)}"]
    for number, (fine, words, more) in enumerate(points, 1):
        lines += [f"{'ok' if fine else 'not ok'} {number} - {words}", *more]
    return "\n".join(lines) + "\n"


Point = tuple[bool, str, list[str]]


def _points(report: StoryReport) -> Iterator[Point]:
    for step in report.steps:
        if step.error:
            yield _of_trouble(f"{report.story}: {step.name}", step.error)
        for result in step.results:
            words = _escaped(f"{report.story}: {step.name}: {result.name}")
            if result.skipped:
                words += f" # SKIP {_escaped(reason_words(result.skipped))}"
            yield result.passed, words, [] if result.passed else list(_diagnostics(result))
    if report.restore:
        words = _escaped(f"{report.story}: {restore_line(report.restore)}")
        yield report.restore.proven, words, []
    if report.error:
        yield _of_trouble(report.story, report.error)


def _of_trouble(about: str, error: str) -> Point:
    """The fact in the point's line, and what to try among its diagnostics."""
    fact, hint = (" ".join(part.split()) for part in fact_and_hint(error))
    diagnostics = ["  ---", f"  try: {_quoted(hint)}", "  ..."] if hint else []
    return False, _escaped(f"{about}: {fact}"), diagnostics


def _diagnostics(result: Result) -> Iterator[str]:
    yield "  ---"
    at, blamed = result.at, place_of(result)
    facts = {
        "verdict": result.verdict.value,
        "message": said(result),
        "at": f"{at.file}:{at.line}",
        "cause": f"{blamed.file}:{blamed.line}",
    }
    yield from (f"  {name}: {_quoted(value)}" for name, value in facts.items())
    yield "  ..."


def _escaped(text: str) -> str:
    """A `#` would begin a directive."""
    return safe(text).replace("\\", "\\\\").replace("#", "\\#")


def _quoted(text: str) -> str:
    """A YAML string in single quotation marks."""
    return "'" + safe(text).replace("'", "''") + "'"
