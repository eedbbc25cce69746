"""When policies began to bite, as the data plane's records bound it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementInterval:
    """Seconds since the step's change; each may be wrong by `clock_error`."""

    after: float
    """When the last probe fared the old way; 0 where none did."""
    until: float
    """When the first one fared the new way."""
    clock_error: float
    """How far the clocks of the nodes and of npol may be apart from what was reckoned with."""
