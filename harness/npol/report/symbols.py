"""
Marks: the few characters that stand for a result, readable without colours.

`.` allowed and `X` denied, both as expected; an HTTP status or an outcome's word where the story
asked for exactly that; `!expected/seen` where they differ.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.expectation import Verdict
from npol.model.result import CheckResult, FlowResult
from npol.report.escape import safe, short

LEGEND = ".  allowed   X  denied   200  that HTTP status   !expected/seen   ?  unknown   -  skipped"


class Tone(enum.Enum):
    """How a piece of text is meant: what colours, where there are any, are chosen by."""

    OPEN = "open"
    CLOSED = "closed"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    HEAD = "head"
    FAINT = "faint"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class StyledText:
    """Text of one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[StyledText, ...]


def tone_of(result: FlowResult | CheckResult) -> Tone:
    """How a result is meant."""
    if result.skipped or (isinstance(result, CheckResult) and result.cannot_fail):
        return Tone.SKIPPED
    if result.verdict in (Verdict.UNKNOWN, Verdict.INVALID):
        return Tone.UNKNOWN
    if result.verdict is not Verdict.AS_EXPECTED:
        return Tone.WRONG
    if isinstance(result, CheckResult):
        return Tone.OPEN
    return Tone.OPEN if result.seen == "open" or result.seen.startswith("http ") else Tone.CLOSED


def mark_of(result: FlowResult) -> str:
    """The mark of a flow's result."""
    tone = tone_of(result)
    if tone is Tone.SKIPPED:
        return "-"
    if tone is Tone.UNKNOWN:
        return "?"
    if tone is Tone.WRONG:
        return short(f"!{_brief(result.expected)}/{_brief(result.seen) or 'nothing'}", 24)
    if result.expected == "allow":
        return "."
    return "X" if result.expected == "deny" else _brief(result.expected)


def _brief(word: str) -> str:
    """`http 200` is `200` in a table."""
    return safe(word).removeprefix("http ")
