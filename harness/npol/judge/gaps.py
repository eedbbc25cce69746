"""
From tries to gaps: when a flow that is asked again and again was not as expected. Pure.

A try tells of one instant, that of the packet that decided it: of a connection that opened, the
instant of the SYN that was answered (a first one that was lost makes it a second later); of
silence, the instant of the first SYN.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from npol.model.expectation import Expectation, Outcome, Word
from npol.model.gap import Gap, GapKind
from npol.model.probe import Answer

SECOND_SYN = 0.9
"""Seconds. A SYN without answer is sent again after one second (RFC 6298, 2.1)."""
UNSEEN_AFTER = 1.0
"""Seconds between two tries from which on nobody has seen what was between them."""


@dataclass(frozen=True, slots=True, order=True)
class Try:
    """What one try saw at one instant; None: as expected."""

    at: float
    saw: GapKind | None = field(compare=False)


def tries_of(expectation: Expectation, answer: Answer, asked_at: float) -> tuple[Try, ...]:
    """
    What one answer tells: nothing, where the probe did not run.

    `asked_at`: when it was asked, on the clock that all tries of a flow share.
    """
    if answer.outcome is Outcome.ERROR:
        return ()
    saw = _seen(expectation, answer)
    if answer.outcome is not Outcome.OPEN or answer.seconds < SECOND_SYN or answer.status:
        return (Try(asked_at, saw),)
    first = None if expectation.closed else GapKind.CLOSED
    return Try(asked_at, first), Try(asked_at + answer.seconds, saw)


def _seen(expectation: Expectation, answer: Answer) -> GapKind | None:
    answered = answer.outcome is Outcome.OPEN
    if expectation.closed:
        return GapKind.OPEN if answered else None
    if not answered:
        return GapKind.CLOSED
    if expectation.word is Word.HTTP and not expectation.accepts_status(answer.status):
        return GapKind.WRONG_ANSWER
    return None


@dataclass(slots=True)
class FlowHistory:
    """All tries of one flow; they may come in any order."""

    _tries: list[Try] = field(default_factory=list)

    def add(self, *tries: Try) -> None:
        for one in tries:
            bisect.insort(self._tries, one)

    @property
    def tries(self) -> int:
        return len(self._tries)

    @property
    def state(self) -> GapKind | None:
        """What the latest try saw; as expected before there is any."""
        return self._tries[-1].saw if self._tries else None

    def turned(self, began: float) -> float:
        """The instant since which it is as it is now."""
        at = began
        for one in reversed(self._tries):
            if one.saw is not self.state:
                break
            at = one.at
        return at

    def latest(self, began: float) -> float:
        """The instant of the latest try, or when the watch began."""
        return self._tries[-1].at if self._tries else began

    def gaps(self, began: float, ended: float) -> tuple[Gap, ...]:
        """Between two instants, the earlier first."""
        tries = [one for one in self._tries if began <= one.at <= ended]
        found = [*_wrong(tries, began, ended), *_unseen(tries, began, ended)]
        return tuple(sorted(found, key=lambda gap: gap.began))


def _wrong(tries: Sequence[Try], began: float, ended: float) -> Iterator[Gap]:
    before = began
    groups = [(saw, list(group)) for saw, group in groupby(tries, key=lambda one: one.saw)]
    for number, (saw, group) in enumerate(groups):
        first, last = group[0].at, group[-1].at
        after = groups[number + 1][1][0].at if number + 1 < len(groups) else None
        if saw is not None:
            until = ended if after is None else after
            yield Gap(
                kind=saw,
                began=first - began,
                seconds=until - first,
                at_least=last - first,
                at_most=until - before,
                over=after is not None,
            )
        before = last


def _unseen(tries: Sequence[Try], began: float, ended: float) -> Iterator[Gap]:
    for before, after in pairwise([began, *(one.at for one in tries), ended]):
        if after - before > UNSEEN_AFTER:
            yield Gap(
                kind=GapKind.NOT_SEEN,
                began=before - began,
                seconds=after - before,
                at_least=after - before,
                at_most=after - before,
                over=after < ended,
            )
