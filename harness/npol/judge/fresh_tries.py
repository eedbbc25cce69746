"""From the tries of a fresh pod's first seconds to what a flow did in them. Pure."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from npol.judge.gaps import UNSEEN_AFTER, FlowHistory
from npol.judge.tries import Try
from npol.model.expectation import Expectation, Outcome
from npol.model.fresh_start import FreshEnd, FreshStart
from npol.model.fresh_try import LoggedTry
from npol.model.gap import Gap, GapKind
from npol.model.probe import ADDRESSES, Probe

_OURS = frozenset({errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system of the one that asks lacks says nothing of the network."""


def ends_to_ask(probes: Sequence[Probe], *, closed: bool) -> tuple[tuple[str, int], ...]:
    """
    Addresses and ports of a flow: all of one that is to be closed, else those that an application
    depends on.
    """
    found = [p for p in probes if p.role in ADDRESSES and p.address]
    if not closed and found:
        first = min(found, key=lambda p: ADDRESSES.index(p.role)).role
        found = [p for p in found if p.role is first]
    return tuple(dict.fromkeys((p.address, p.port) for p in found))


def fresh_start(
    tries: Sequence[LoggedTry],
    expectation: Expectation,
    *,
    end: FreshEnd,
    pod: str,
    started: float,
    indices: Collection[int],
    denial: Collection[Outcome],
    budget: float | None,
) -> FreshStart | None:
    """
    What a flow did; None where nothing was tried.

    Args:
        started: when the fresh pod's program began, on the clock of the tries.
        indices: which of the addresses are the flow's.
        denial: how a denied connection is answered here.
    """
    asked = [t for t in tries if t.index in indices and t.code not in _OURS]
    refusing, tried = Outcome.REFUSED in denial, {t.index for t in asked}
    history, answers, instants = FlowHistory(), list[float](), list[float]()
    for one in _rounds(asked, started):
        saw = _seen(one, closed=expectation.closed, refusing=refusing)
        if saw is None and {t.index for t in one} != tried:
            continue  # an address that was not tried this time may have been otherwise
        instants.append(min(t.began for t in one) - started)
        history.add(Try(instants[-1], saw))
        answers += [t.ended - started for t in one if t.code == 0]
    if not instants:
        return None
    before = any(t.began < started for t in asked)
    return FreshStart(
        end=end,
        pod=pod,
        started=started,
        tries=len(instants),
        first_try=min(instants),
        unseen=_unseen(min(instants), at_once=before or end is FreshEnd.SOURCE),
        first_answer=min(answers, default=None),
        last_try=max(instants),
        gaps=_counted_from(history, min(instants), max(instants)),
        budget=budget if expectation.closed else None,
    )


def _rounds(tries: Iterable[LoggedTry], started: float) -> Iterator[list[LoggedTry]]:
    """The tries since the start, those at all addresses together."""
    own = sorted((t for t in tries if t.began >= started), key=lambda t: t.number)
    return (list(group) for _, group in groupby(own, key=lambda t: t.number))


def _unseen(first_try: float, *, at_once: bool) -> float:
    """
    `at_once`: it was asked as soon as it could be; a program takes a while to start, and then is as
    fast as between two tries.
    """
    return 0.0 if at_once and first_try <= UNSEEN_AFTER else first_try


def _counted_from(history: FlowHistory, first: float, last: float) -> tuple[Gap, ...]:
    found = history.gaps(first, last)
    return tuple(replace(gap, began=gap.began + first) for gap in found)


def is_conclusive(start: FreshStart | None, expectation: Expectation) -> bool:
    """Whether it is known how long a leak was: it ended before the last try."""
    return start is not None and not (expectation.closed and any(not g.over for g in start.leaks))


def _seen(tries: Sequence[LoggedTry], *, closed: bool, refusing: bool) -> GapKind | None:
    """A refusal comes from behind the policy, unless that is how policies deny here."""
    if closed:
        reached = (0,) if refusing else (0, errno.ECONNREFUSED)
        return GapKind.OPEN if any(t.code in reached for t in tries) else None
    return None if all(t.code == 0 for t in tries) else GapKind.CLOSED
