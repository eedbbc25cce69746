"""What the data plane's own records say became of one probe."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.flow_record import RecordDirection, RecordedPolicy


class Fate(enum.Enum):
    """One word on a probe's first packets; only the first two prove something of policies."""

    DROPPED_BY_POLICY = "dropped by policy"
    AUDITED = "audited"  # policies would have dropped it, and are not enforced
    DROPPED_OTHERWISE = "dropped otherwise"
    ARRIVED = "arrived"  # at the target's pod: a silence after that is the target's own
    CHANGING = "enforcement changing"  # some packets dropped, a later one not
    CONTRADICTION = "contradiction"  # dropped after it was answered
    OLD_LABELS = "labels not yet in force"  # the data plane knows the ends by other labels
    LOST_ON_THE_WAY = "lost on the way"
    UNTOLD = "untold"  # no record: that proves nothing
    UNMARKED = "unmarked"  # asked from a port that npol did not choose: no record can be found


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketFate:
    """What became of a probe, and who says so."""

    fate: Fate
    direction: RecordDirection = RecordDirection.UNKNOWN
    """Of a drop: whose policies decided."""
    node: str = ""
    """That told it."""
    reason: str = ""
    """Of a drop: the data plane's own word."""
    policies: tuple[RecordedPolicy, ...] = ()
    """That let it pass or denied it, where they are named."""
    at: float | None = None
    """When, in seconds since 1970 by that node's clock."""
    came: float | None = None
    """When that record came here, by this process's monotonic clock."""
    nodes: tuple[str, ...] = ()
    """All nodes that told anything of it."""

    @property
    def proves_deny(self) -> bool:
        return self.fate is Fate.DROPPED_BY_POLICY

    @property
    def undecided(self) -> bool:
        """Whether the same probe may fare otherwise a moment later."""
        return self.fate in (Fate.CHANGING, Fate.CONTRADICTION)

    def __str__(self) -> str:
        """`dropped by policy (ingress, node2): NetworkPolicy shop/deny`."""
        side = "" if self.direction is RecordDirection.UNKNOWN else self.direction.value
        where = ", ".join(part for part in (side, self.node) if part)
        names = ", ".join(map(str, self.policies))
        if self.fate is Fate.DROPPED_OTHERWISE:
            names = self.reason
        return self.fate.value + (f" ({where})" if where else "") + (f": {names}" if names else "")
