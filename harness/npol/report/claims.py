"""What a result says in one line: what was expected and seen, and which line is to blame."""

from __future__ import annotations

from npol.errors import Position
from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.failure_groups import guilty
from npol.report.pairs import pairs_words
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.summary import Result


def place_of(result: Result) -> Position:
    """The line to blame, else the line of the claim."""
    blamed = guilty(result)
    return blamed.at if blamed and blamed.at else result.at


def said(result: Result) -> str:
    """`expected deny, seen open`; of a flow with pairs also how many, and which failed."""
    claim = f"expected {safe(expected_words(result))}, seen {safe(seen_words(result)) or 'nothing'}"
    return f"{claim}{_pairs(result)}"


def summary_of(result: Result) -> str:
    """`deny.yaml:7: too open, seen open`, what matters most first: readers cut the end off."""
    at = place_of(result)
    seen = safe(seen_words(result)) or "nothing"
    return f"{safe(at.file)}:{at.line}: {result.verdict.value}, seen {seen}{_pairs(result)}"


def _pairs(result: Result) -> str:
    words = pairs_words(result) if isinstance(result, FlowResult) else ""
    return f"; {words}" if words else ""
