"""What one part of a flow saw: a pod of its source, or a pair of the namespaces it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.expectation import Outcome, Verdict
from npol.model.reason import Reason
from npol.model.seen_outcome import SeenOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """What became of it; each kind of part says whom it is of."""

    verdict: Verdict
    outcome: Outcome | None = None
    status: int = 0
    reason: Reason | None = None

    @property
    def seen(self) -> SeenOutcome:
        return SeenOutcome(outcome=self.outcome, status=self.status)
