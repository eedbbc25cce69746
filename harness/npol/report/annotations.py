"""
GitHub annotations at the story's lines, for runs without pytest (its plugins write their own).

GitHub shows ten of a kind for each step of a job: nine failures, and how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.result import StoryReport
from npol.report.escape import safe
from npol.report.seen_and_why import expected_words, seen_words, why_words
from npol.report.summary import Result, failures
from npol.report.troubles import Trouble, troubles

MOST = 9


def workflow_commands(reports: Sequence[StoryReport]) -> Iterator[str]:
    """
    One `::error` line for what went wrong with a run, and for each failure, nine at most in all,
    and how many more there are.
    """
    lines = [_of_trouble(one) for report in reports for one in troubles(report)]
    lines += [_annotation(r) for report in reports for r in failures(report)]
    yield from lines[:MOST]
    if len(lines) > MOST:
        yield f"::error title=npol::and {len(lines) - MOST} more"


def _of_trouble(one: Trouble) -> str:
    place = f"file={_property(one.at.file)},line={one.at.line}"
    return f"::error {place},title=npol::{_data(one.words)}"


def _annotation(result: Result) -> str:
    seen = seen_words(result) or "nothing"
    told = f"{result.verdict.value}: expected {expected_words(result)}, seen {seen}"
    why = f"; {words}" if (words := why_words(result)) else ""
    place = f"file={_property(result.at.file)},line={result.at.line},col={result.at.column}"
    title = _property(f"{result.step}: {result.name}")
    return f"::error {place},title={title}::{_data(told + why)}"


def _data(text: str) -> str:
    """Source: actions/toolkit packages/core/src/command.ts, escapeData."""
    return safe(text).replace("%", "%25")


def _property(text: str) -> str:
    """escapeProperty of the same file."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
