"""What the program of a fresh pod has tried: times and codes, without any judgement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTry:
    """One try at one address. Times are seconds since 1970."""

    number: int
    index: int
    """Which of the addresses."""
    began: float
    ended: float
    code: int | None
    """An error of the system, 0 for an answer; None: silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshLog:
    """What a program has written."""

    started: float | None = None
    """None: it did not begin."""
    answers: float | None = None
    """Since when it answers; None for one that asks."""
    tries: tuple[LoggedTry, ...] = ()
    words: str = ""
    """What it said besides: why it did not."""
