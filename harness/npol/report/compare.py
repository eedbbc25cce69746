"""Two runs beside each other: which flows and checks came out otherwise, and which took longer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from npol.model.result import FlowResult, StoryReport
from npol.report.durations import span
from npol.report.escape import safe
from npol.report.seen_and_why import seen_words
from npol.report.summary import Result

SLOWER = 2.0
"""How many times as long a flow must take to turn, or as short, to be told."""
NOTICEABLE = 0.5
"""Seconds below which nobody cares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """One flow or check; `before` or `now` is None where only the other run has it."""

    step: str
    name: str
    before: Result | None
    now: Result | None

    def __str__(self) -> str:
        """`deny all: web -> db:5432: as expected, timeout in 0.3 s; was too open, open`."""
        now, before = result_words(self.now), result_words(self.before)
        return f"{safe(self.step)}: {safe(self.name)}: {now}; was {before}"


def differences(now: StoryReport, before: StoryReport) -> list[RunDifference]:
    """What differs, in the order of the newer run; then what it no longer has."""
    old = {(r.step, r.name): r for r in before.results}
    new = {(r.step, r.name): r for r in now.results}
    return list(_differences(new, old))


Results = dict[tuple[str, str], Result]


def _differences(new: Results, old: Results) -> Iterator[RunDifference]:
    for key in [*new, *(k for k in old if k not in new)]:
        was, became = old.get(key), new.get(key)
        if was is None or became is None or not _alike(was, became):
            yield RunDifference(step=key[0], name=key[1], before=was, now=became)


def _alike(was: Result, became: Result) -> bool:
    if (was.verdict, seen_words(was), bool(was.skipped)) != (
        became.verdict,
        seen_words(became),
        bool(became.skipped),
    ):
        return False
    return not _other_time(_time(was), _time(became))


def _time(result: Result) -> float:
    return (result.enforced_after or 0.0) if isinstance(result, FlowResult) else 0.0


def _other_time(was: float, became: float) -> bool:
    short, long = sorted((was, became))
    return long - short >= NOTICEABLE and long >= SLOWER * short


def result_words(result: Result | None) -> str:
    """`as expected, timeout in 300 ms`."""
    if result is None:
        return "not asked"
    if result.skipped:
        return "skipped"
    time = f" in {span(_time(result))}" if _time(result) else ""
    return f"{result.verdict.value}, {safe(seen_words(result)) or 'nothing'}{time}"
