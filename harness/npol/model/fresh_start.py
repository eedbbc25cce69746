"""What a flow did while a pod at one of its ends had only just started."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.gap import Gap, GapKind


class FreshEnd(enum.Enum):
    """Which end of a flow has just started."""

    SOURCE = "source"  # asks from its first instant
    TARGET = "target"  # is asked once the API shows its address


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshStart:
    """
    One flow from the start of its fresh pod on: of the program of a source, of the answering of a
    target. Seconds since then, by the pod's clock for a source, by both nodes' for a target.
    """

    end: FreshEnd
    pod: str
    """`shop/npol-3f9a2b1c7d-0`."""
    started: float
    """Seconds since 1970, by the clock of its node."""
    tries: int
    first_try: float
    unseen: float = 0.0
    """For how long a target had answered when it was asked first: nobody has seen what was then."""
    first_answer: float | None
    """When the first answer came; None where none did."""
    last_try: float
    gaps: tuple[Gap, ...] = ()
    """When it was otherwise than expected; `began` counts from the start, too."""
    budget: float | None = None
    """Its `leak`, in seconds."""

    @property
    def leaks(self) -> tuple[Gap, ...]:
        """The times in which it was open, and was to be closed."""
        return tuple(gap for gap in self.gaps if gap.kind is GapKind.OPEN)

    @property
    def leaked(self) -> float:
        """For how long, in seconds."""
        return sum(gap.seconds for gap in self.leaks)

    @property
    def over_budget(self) -> bool:
        return self.budget is not None and bool(self.leaks) and self.leaked > self.budget
