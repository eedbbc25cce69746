"""What of a flow's packets agrees with what was predicted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from npol.model.expectation import GATEWAY_ERRORS, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a flow ends that is as predicted, and what a proxy on its way says."""

    outcomes: Collection[Outcome]
    gateway_error: bool | None = None
    """Whether the proxy reaches nobody behind it; None where no proxy is known."""

    def holds(self, outcome: Outcome, status: int) -> bool:
        """Whether a sample is as predicted; `status` is 0 where there was no HTTP answer."""
        if outcome not in self.outcomes:
            return False
        if self.gateway_error is None or not status:
            return True
        return (status in GATEWAY_ERRORS) is self.gateway_error
