"""What a flow did while a pod at one of its ends had only just started."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.gap import Gap, GapKind

TOLD_WITHIN = 2.0
"""
Seconds after a target's start by which the API shows its address: kubelets look at their pods once
a second, and tell it then.
"""


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
    """
    From its start to the first try, where that is more than a program needs to begin: nobody has
    seen what was then.
    """
    first_answer: float | None
    """When the first answer came; None where none did."""
    last_try: float
    gaps: tuple[Gap, ...] = ()
    """When it was otherwise than expected; `began` counts from the start, too."""
    budget: float | None = None
    """Its `leak`, in seconds; None where it has none, and for a flow that is to be open."""

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

    @property
    def not_seen(self) -> float:
        """
        Seconds of which nobody knows, but for those in which nobody can know where a target is.
        A time right after an answer counts as leaked.
        """
        told_soon = self.end is FreshEnd.TARGET and self.unseen <= TOLD_WITHIN
        later = sum(gap.seconds for gap in self.gaps if self._is_unseen(gap))
        return later if told_soon else self.unseen + later

    def _is_unseen(self, gap: Gap) -> bool:
        leaking = any(leak.began <= gap.began < leak.began + leak.seconds for leak in self.leaks)
        return gap.kind is GapKind.NOT_SEEN and not leaking

    @property
    def may_be_over_budget(self) -> bool:
        """Whether it would be, had it been open in all the time that nobody saw."""
        if self.budget is None or not self.not_seen:
            return False
        return self.leaked + self.not_seen > self.budget
