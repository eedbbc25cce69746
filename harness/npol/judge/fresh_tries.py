"""From the tries of a fresh pod's first seconds to what a flow did in them. Pure."""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby

from npol.judge.gaps import FlowHistory
from npol.judge.tries import Try
from npol.model.expectation import Expectation, Outcome
from npol.model.fresh_start import FreshEnd, FreshStart
from npol.model.fresh_try import LoggedTry
from npol.model.gap import Gap, GapKind
from npol.model.probe import Probe, Role

_OURS = frozenset({errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system of the one that asks lacks says nothing of the network."""
_ADDRESSES = (Role.SERVICE, Role.POD, Role.HOST)


def ends_to_ask(probes: Sequence[Probe], *, closed: bool) -> tuple[tuple[str, int], ...]:
    """
    Addresses and ports of a flow: all of one that is to be closed, else those that an application
    depends on.
    """
    found = [p for p in probes if p.role in _ADDRESSES and p.address]
    if not closed and found:
        first = min(found, key=lambda p: _ADDRESSES.index(p.role)).role
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
    own = [t for t in asked if t.began >= started]
    own.sort(key=lambda t: t.number)
    rounds = [list(group) for _, group in groupby(own, key=lambda t: t.number)]
    if not rounds:
        return None
    refusing = Outcome.REFUSED in denial
    unseen = max(0.0, min(t.began for t in asked) - started)
    history, answers = FlowHistory(), []
    for one in rounds:
        at = min(t.began for t in one) - started
        history.add(Try(at, _seen(one, closed=expectation.closed, refusing=refusing)))
        answers += [t.ended - started for t in one if t.code == 0]
    instants = sorted(min(t.began for t in one) - started for one in rounds)
    return FreshStart(
        end=end,
        pod=pod,
        started=started,
        tries=len(rounds),
        first_try=instants[0],
        unseen=unseen if end is FreshEnd.TARGET else 0.0,
        first_answer=min(answers, default=None),
        last_try=instants[-1],
        gaps=_counted_from(history, instants[0], instants[-1]),
        budget=budget,
    )


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
