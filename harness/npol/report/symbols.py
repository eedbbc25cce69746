"""
Marks: the few characters that stand for a result, readable without colours.

`.` allowed and `X` denied, both as expected; an HTTP status or an outcome's word where the story
asked for exactly that; `!expected/seen` where they differ; `*` behind what a step has changed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.expectation import Expectation, Verdict, Word
from npol.model.result import CheckResult, FlowResult
from npol.report.escape import short


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


CHANGED = "*"
"""Behind the mark of a flow that did something else when it was last asked."""


class CellSign(enum.Enum):
    """What a mark is of, for legends: the sign itself."""

    ALLOWED = "."
    DENIED = "X"
    STATUS = "200"
    WRONG = "!A/B"
    UNKNOWN = "?"
    SKIPPED = "-"
    CHANGED = CHANGED


MEANINGS = {
    CellSign.ALLOWED: "allowed",
    CellSign.DENIED: "denied",
    CellSign.STATUS: "HTTP status",
    CellSign.WRONG: "expected A, seen B",
    CellSign.UNKNOWN: "unknown",
    CellSign.SKIPPED: "skipped",
    CellSign.CHANGED: "changed",
}


def sign_of(result: FlowResult) -> CellSign | None:
    """What its mark is of; None for a word that needs no legend."""
    signs = {
        Tone.SKIPPED: CellSign.SKIPPED,
        Tone.UNKNOWN: CellSign.UNKNOWN,
        Tone.WRONG: CellSign.WRONG,
    }
    if result.expected.held and result.passed and not result.skipped:
        return None
    by_word = {Word.ALLOW: CellSign.ALLOWED, Word.DENY: CellSign.DENIED, Word.HTTP: CellSign.STATUS}
    return signs.get(tone_of(result)) or by_word.get(result.expected.word)


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
    return Tone.OPEN if result.answered and not result.cut_behind_proxy else Tone.CLOSED


def mark_of(result: FlowResult) -> str:
    """The mark of a flow's result."""
    tone = tone_of(result)
    if tone is Tone.SKIPPED:
        return "-"
    if tone is Tone.UNKNOWN:
        return "?"
    if tone is Tone.WRONG:
        seen = str(result.status or result.seen or "nothing")
        return short(f"!{_brief(result.expected)}/{seen}", 24)
    marks = {} if result.expected.held else {Word.ALLOW: ".", Word.DENY: "X"}
    return marks.get(result.expected.word) or _brief(result.expected)


def _brief(expected: Expectation) -> str:
    """`http 200` is `200` in a table."""
    return expected.status or str(expected)
