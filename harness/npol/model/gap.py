"""What a flow that was asked again and again did otherwise than expected, and for how long."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.errors import Position


class GapKind(enum.Enum):
    """How a flow was otherwise than it should be."""

    OPEN = "open"
    CLOSED = "closed"
    WRONG_ANSWER = "wrong answer"
    NOT_SEEN = "not seen"  # nobody could ask: the source was gone, or its machine too busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """
    One time in which a flow was otherwise. All in seconds; `began` since the watch began.

    Between two tries nobody looks: it lasted `at_least` from its first try to its last, and
    `at_most` from the last try before it to the first one after it.
    """

    kind: GapKind
    began: float
    seconds: float
    """From its first try to the first one after it, or to the watch's end."""
    at_least: float
    at_most: float
    over: bool
    """Whether the flow was as expected again before the watch ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapBudget:
    """The seconds in all for which a flow may be open, or closed, although it should not."""

    open: float = 0.0
    closed: float = 0.0

    def for_kind(self, kind: GapKind) -> float:
        return {GapKind.OPEN: self.open, GapKind.CLOSED: self.closed}.get(kind, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFlow:
    """What one flow did in the whole time."""

    name: str
    at: Position
    expected: str
    tries: int
    gaps: tuple[Gap, ...] = ()
    budget: GapBudget = GapBudget()
    told_as: str = ""
    """The flow as it is written; another one than `name` where this is a pair of it."""

    def seconds(self, kind: GapKind) -> float:
        """How long it was so, in all."""
        return sum(gap.seconds for gap in self.gaps if gap.kind is kind)

    @property
    def over_budget(self) -> tuple[GapKind, ...]:
        """The ways in which it was otherwise for longer than it may be."""
        kinds = dict.fromkeys(g.kind for g in self.gaps if g.kind is not GapKind.NOT_SEEN)
        return tuple(k for k in kinds if self.seconds(k) > self.budget.for_kind(k))

    @property
    def unseen(self) -> float:
        """Seconds in which nobody could ask, of which nothing can be said."""
        return self.seconds(GapKind.NOT_SEEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """What became of the flows of a story while something else happened to the cluster."""

    started: str
    """RFC 3339, UTC."""
    seconds: float
    flows: tuple[WatchedFlow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTurn:
    """A flow that is otherwise than a moment ago, told while it is watched."""

    time: str
    """RFC 3339, UTC, with milliseconds."""
    flow: str
    expected: str
    saw: GapKind | None
    """What it does now; None: what is expected."""
    lasted: float
    """Seconds for which it was as before."""
