"""What a data plane that sums its flows up told of one, without ports and addresses."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.flow_record import RecordDirection, RecordedPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSummary:
    """All packets from one end to another in a stretch of time: no probe is known by it."""

    side: RecordDirection
    """Whose node tells it: INGRESS is the target's."""
    start: float
    """Seconds since 1970."""
    end: float
    denied: bool
    by_default: bool = False
    """Denied because some policy selects the pod and no rule lets it through."""
    policies: tuple[RecordedPolicy, ...] = ()
    """Which decided; of a default deny, which brought it about."""
