"""What a result says in one line: what was expected and seen, and which line is to blame."""

from __future__ import annotations

from npol.errors import Position
from npol.model.expectation import Verdict
from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.failure_groups import guilty
from npol.report.pairs import pairs_words
from npol.report.seen_and_why import expected_words, seen_words, why_words
from npol.report.summary import Result


def place_of(result: Result) -> Position:
    """The line to blame, else the line of the claim."""
    blamed = guilty(result)
    return blamed.at if blamed and blamed.at else result.at


def said(result: Result) -> str:
    """`expected deny, seen open`; of a flow with pairs also how many, and which failed."""
    claim = f"expected {safe(expected_words(result))}, seen {safe(seen_words(result)) or 'nothing'}"
    return f"{claim}{_pairs(result)}{_why_unknown(result)}"


def summary_of(result: Result) -> str:
    """`deny.yaml:7: too open, seen open`, what matters most first: readers cut the end off."""
    at = place_of(result)
    seen = safe(seen_words(result)) or "nothing"
    told = f"{result.verdict.value}, seen {seen}{_pairs(result)}"
    return f"{safe(at.file)}:{at.line}: {told}{_why_unknown(result)}"


def _why_unknown(result: Result) -> str:
    """Of what could not be judged nothing else says what is to be mended."""
    words = why_words(result) if result.verdict in (Verdict.UNKNOWN, Verdict.INVALID) else ""
    return f": {safe(words)}" if words else ""


def _pairs(result: Result) -> str:
    words = pairs_words(result) if isinstance(result, FlowResult) else ""
    return f"; {words}" if words else ""
