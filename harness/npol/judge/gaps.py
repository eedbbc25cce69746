"""From tries to gaps: when a flow that is asked again and again was not as expected. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from npol.judge.tries import SECOND_SYN, Try
from npol.model.gap import Gap, GapKind

HEARS = SECOND_SYN / 2
"""Seconds of the time for which a try is waited for that must be left to a busy source."""
UNSEEN_AFTER = 1.0
"""Seconds between two tries from which on nobody has seen what was between them."""


@dataclass(slots=True)
class FlowHistory:
    """All tries of one flow; they may come in any order."""

    _tries: list[Try] = field(default_factory=list)
    _doubts: list[Try] = field(default_factory=list)
    _busy: list[tuple[float, float]] = field(default_factory=list)
    """From when to when its source may not have run."""
    _longest: float = 0.0
    """Of these."""

    def add(self, *tries: Try) -> None:
        for one in tries:
            doubted = one.saw is GapKind.NOT_SEEN
            bisect.insort(self._doubts if doubted else self._tries, one, key=_told_at)
            if one.late > HEARS:
                bisect.insort(self._busy, (one.at, one.at + one.late))
                self._longest = max(self._longest, one.late)

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
            at = one.told_at
        return at

    def latest(self, began: float) -> float:
        """The instant of the latest try, or when the watch began."""
        return self._tries[-1].told_at if self._tries else began

    def gaps(self, began: float, ended: float) -> tuple[Gap, ...]:
        """Between two instants, the earlier first."""
        sure = [one for one in self._tries if not self._is_deaf(one)]
        tries = [one for one in sure if began <= one.told_at <= ended]
        doubts = [*map(_told_at, self._doubts), *(o.at for o in self._tries if self._is_deaf(o))]
        found = [*_wrong(tries, began, ended), *_unseen(tries, sorted(doubts), began, ended)]
        return tuple(sorted(found, key=lambda gap: gap.began))

    def _is_deaf(self, one: Try) -> bool:
        """A wrong silence, where another try shows that its source did not run while it lasted."""
        if not (one.silent and one.saw):
            return False
        first = bisect.bisect_left(self._busy, (one.at - self._longest, 0.0))
        last = bisect.bisect_right(self._busy, (one.at + SECOND_SYN, 0.0))
        return any(
            min(end, one.at + SECOND_SYN) - max(begin, one.at) > HEARS
            for begin, end in self._busy[first:last]
        )


def _told_at(one: Try) -> float:
    return one.told_at


def _wrong(tries: Sequence[Try], began: float, ended: float) -> Iterator[Gap]:
    before = began
    groups = [(saw, list(group)) for saw, group in groupby(tries, key=lambda one: one.saw)]
    for number, (saw, group) in enumerate(groups):
        first, last = group[0].told_at, group[-1].told_at
        after = groups[number + 1][1][0].told_at if number + 1 < len(groups) else None
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


def _unseen(
    tries: Sequence[Try], doubts: Sequence[float], began: float, ended: float
) -> Iterator[Gap]:
    """Beside a wrong try there is a gap, whose bounds take in what was doubted."""
    for before, after in pairwise([Try(began, None), *tries, Try(ended, None)]):
        since, until = before.told_at, after.told_at
        doubted = not (before.saw or after.saw) and _any_within(doubts, since, until)
        if doubted or until - since > UNSEEN_AFTER:
            yield Gap(
                kind=GapKind.NOT_SEEN,
                began=since - began,
                seconds=until - since,
                at_least=until - since,
                at_most=until - since,
                over=until < ended,
            )


def _any_within(instants: Sequence[float], since: float, until: float) -> bool:
    first = bisect.bisect_left(instants, since)
    return first < len(instants) and instants[first] <= until
