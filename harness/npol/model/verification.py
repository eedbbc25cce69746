"""Whether the flows are as before once the policies are back: what fresh probes showed."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class NotVerified(enum.Enum):
    """Why the flows were not asked again."""

    NO_BASELINE = "no baseline"  # nothing was as expected before the first change
    POLICIES_NOT_BACK = "policies not back"  # not all of them could be put back in time
    PROBES_FAILED = "probes failed"  # they could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVerification:
    """The flows that held before the first change, asked once more when all was back."""

    asked: int = 0
    different: tuple[str, ...] = ()
    """Names of the flows that do otherwise than before."""
    unknown: tuple[str, ...] = ()
    """Names of the flows that cannot be judged now."""
    not_verified: NotVerified | None = None
    error: str = ""
    """What kept them from being asked, in an error's own words."""
    step: str = ""
    """The run's last step, where it has asked them and the restore found nothing to put back."""

    @property
    def failed(self) -> bool:
        """Whether flows that held before are not shown to hold again."""
        if self.not_verified:
            return self.not_verified is not NotVerified.NO_BASELINE
        return bool(self.different or self.unknown)
