"""One flow in one round, and how long a step waits for more."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from npol.model.expectation import Outcome, Verdict
from npol.model.reason import ReasonCode
from npol.model.result import Judgement

STABLE = 2
"""Equal samples in a row that make an answer final, where a story does not say otherwise."""
AT_MOST = 3
"""Times `within`: how long a flow may be asked that had too few samples to be judged by then."""
STARTING = 10.0
"""Seconds for which a refusal may come of a server that starts: without a readiness probe its pod
is Ready before it listens. Only in a step that changes nothing, such as the first of a story."""


_SILENT_ITSELF = (ReasonCode.TARGET_SILENT, ReasonCode.NAME_SERVER_SILENT)

Signature = tuple[Outcome, int]
"""What was seen of a flow: how it ended, and the HTTP status, 0 where there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds; `changed_at` is None for a step without a change."""

    started: float
    changed_at: float | None
    within: float
    quiet: float
    stable: int = STABLE

    @property
    def quiet_until(self) -> float:
        return self.started if self.changed_at is None else self.changed_at + self.quiet

    @property
    def deadline(self) -> float:
        """Never before the quiet time's end: what was seen until then may be an old answer."""
        return max(self.started + self.within, self.quiet_until)

    @property
    def latest(self) -> float:
        """Where rounds take long, by their number of flows or for want of the CPU."""
        return self.deadline + (AT_MOST - 1) * self.within


@dataclass(frozen=True, slots=True)
class Sample:
    """One flow in one round."""

    started: float
    finished: float
    judgement: Judgement

    @property
    def matched(self) -> bool:
        return self.judgement.verdict is Verdict.AS_EXPECTED

    @property
    def trouble(self) -> Hashable | None:
        """What keeps it from being judged; None where nothing does."""
        if self.judgement.verdict is not Verdict.UNKNOWN:
            return None
        return self.judgement.reason.trouble if self.judgement.reason else ()

    @property
    def starved(self) -> bool:
        """Whether its source had too little of the CPU to be asked."""
        reason = self.judgement.reason
        return bool(reason and reason.code is ReasonCode.SOURCE_STARVED)

    @property
    def of_target(self) -> bool:
        """Whether records say that it is the target that was silent, and not the network."""
        reason = self.judgement.reason
        return bool(reason and reason.code in _SILENT_ITSELF)

    @property
    def signature(self) -> Signature:
        return (self.judgement.outcome, self.judgement.status)


def may_start(sample: Sample, patience: Patience) -> bool:
    """Whether the one who refuses may be about to listen."""
    refused = sample.judgement.outcome is Outcome.REFUSED and not sample.matched
    until = patience.started + min(STARTING, patience.within)
    return refused and patience.changed_at is None and sample.started < until
