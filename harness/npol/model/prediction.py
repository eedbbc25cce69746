"""What the policies mean for a flow, as values: the decision, why it is open, and who decides."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.causes import Cause
from npol.model.doubt import Doubt
from npol.model.expectation import Expectation
from npol.model.reason import Reason
from npol.model.sentence import Sentence


class PredictedDecision(enum.Enum):
    """What becomes of a flow under the policies."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"
    DENY_BEHIND_PROXY = "deny behind the proxy"
    """The request arrives, and what the proxy asks in its turn does not: 502 or 504."""
    DIFFERS_BY_FAMILY = "differs by family"
    """Open over one IP family, closed over the other."""
    DNS_TIMEOUT = "dns timeout"
    """The packets would pass, and the name does not resolve."""


class UnknownReason(enum.Enum):
    """Why a flow has no prediction."""

    NOT_RESOLVED = "not resolved"  # an end of the flow is nothing that is known here
    NO_PATH = "no path"  # the ends are known, and nothing answers between them
    OTHER_POLICY_KINDS = "other policy kinds"  # policies that are not evaluated may select an end
    UNDEFINED_BY_SPEC = "undefined by spec"  # network plugins may differ on it
    PATHS_DIFFER = "paths differ"  # some of the Service's endpoints are open, others closed
    PODS_DIFFER = "pods differ"  # open for some of the peer's pods, closed for others


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyName:
    """A policy by its full name; `namespace` is "" for kinds of the whole cluster."""

    namespace: str
    name: str
    kind: str = "NetworkPolicy"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def is_called(self, claim: str) -> bool:
        """Whether `NAME` or `NAMESPACE/NAME` means this policy."""
        return claim in (self.name, str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """
    One flow, foretold; `reason` belongs to UNKNOWN alone, `detail` to that and to
    DIFFERS_BY_FAMILY.
    """

    decision: PredictedDecision
    reason: UnknownReason | None = None
    detail: Reason | Doubt | Sentence | None = None
    """
    What the reason is about, or which family is open; a sentence in a report that was read from a
    file.
    """
    decided_by: tuple[PolicyName, ...] = ()
    """The policies whose rules let it through, or that isolate the ends that refuse it."""
    causes: tuple[Cause, ...] = ()
    proxied: bool = False
    """Whether what a proxy asks in its turn is foretold, too."""

    def decision_for(self, expect: Expectation) -> PredictedDecision:
        """
        What comes of the flow as the judge sees it, who finds the family that is not as expected:
        allow needs both families open, deny both closed.
        """
        if self.decision is not PredictedDecision.DIFFERS_BY_FAMILY:
            return self.decision
        return PredictedDecision.ALLOW if expect.closed else PredictedDecision.DENY

    def passes_for(self, expect: Expectation) -> bool | None:
        """Whether the flow's own packets pass; None where that is not what is foretold."""
        passing = {PredictedDecision.ALLOW: True, PredictedDecision.DENY: False}
        return passing.get(self.decision_for(expect))
