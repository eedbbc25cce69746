"""What a flow did from the start of its fresh pod on, as text."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.fresh_start import FreshStart
from npol.model.gap import GapKind
from npol.report.durations import span


def start_words(start: FreshStart) -> str:
    """`first answer 40 ms after its start, open for 1.8 s before the policy held`."""
    return ", ".join(_parts(start))


def _parts(start: FreshStart) -> Iterator[str]:
    closed = [gap for gap in start.gaps if gap.kind is GapKind.CLOSED]
    if start.unseen:
        yield f"not seen for {span(start.unseen)} after its start"
    if start.first_answer is not None:
        yield f"first answer {span(start.first_answer)} after its start"
    elif closed:
        yield f"no answer to {start.tries} tries"
    else:
        yield _closed(start)
    yield from _leaks(start)
    if closed and start.first_answer is not None:
        yield f"closed for {span(sum(gap.seconds for gap in closed))}"
    if unseen := sum(gap.seconds for gap in start.gaps if gap.kind is GapKind.NOT_SEEN):
        yield f"and not seen for {span(unseen)} later"


def _closed(start: FreshStart) -> str:
    return f"closed from the first try on, {span(start.first_try)} after its start"


def _leaks(start: FreshStart) -> Iterator[str]:
    leaks = start.leaks
    if not leaks:
        return
    times = f" in {len(leaks)} times" if len(leaks) > 1 else ""
    until = "before the policy held" if leaks[-1].over else "and at the last try still"
    yield f"open for {span(start.leaked)}{times} {until}"
