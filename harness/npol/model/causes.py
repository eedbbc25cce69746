"""Why policies let a flow through or not, as values: `report.causes` makes words of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.errors import Position
from npol.model.doubt import Doubt
from npol.model.fixes import Fix
from npol.model.mismatch import Mismatch
from npol.model.placed_policy import PlacedPolicy
from npol.model.reason import Reason
from npol.model.sentence import Sentence


class NotActingCode(enum.Enum):
    """Why no policy acts on an end, whatever the policies say."""

    NO_POD = "no pod"
    HOST_NETWORK = "host network"
    ITSELF = "itself"
    ITSELF_BY_SERVICE = "itself by service"
    OWN_NODE = "own node"


@dataclass(frozen=True, slots=True)
class NotActing:
    """Policies do not act on an end."""

    code: NotActingCode
    pod: str = ""
    """Of HOST_NETWORK."""


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """A policy that may select an end, of a kind that is not evaluated."""

    policy: str


@dataclass(frozen=True, slots=True)
class NotSelected:
    """No policy selects a pod for a direction; `near` might have been meant to."""

    direction: str
    near: PlacedPolicy | None = None
    selector: str = ""
    labels: str = ""
    """Those that the pod has."""


@dataclass(frozen=True, slots=True)
class AllowedBy:
    """A rule of a policy lets it through."""

    rule: PlacedPolicy


@dataclass(frozen=True, slots=True)
class DeniedBy:
    """A rule of a policy denies it, whatever other policies allow."""

    rule: PlacedPolicy


@dataclass(frozen=True, slots=True)
class NotFitting:
    """A rule that fits but for something; with a `doubt` nobody can tell whether it does."""

    clause: PlacedPolicy
    mismatches: tuple[Mismatch, ...]
    doubt: Doubt | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """Policies isolate an end, and no rule of theirs lets it through, as far as is known."""

    policies: tuple[PlacedPolicy, ...]
    """The first of them; `more` are not named."""
    more: int = 0
    sure: bool = True
    from_dns: bool = False
    """Whether it is kept from the names of others."""
    other_direction: str = ""
    """The other end's, where a policy (`allowing`) allows that, which is not enough."""
    allowing: PlacedPolicy | None = None


@dataclass(frozen=True, slots=True)
class RankedRule:
    """A rule of a policy in a tier."""

    tier: str
    policy: PlacedPolicy
    name: str
    rank: str
    """`priority 10`; of Calico's `order 10`."""


@dataclass(frozen=True, slots=True)
class RankedRuleFits:
    """It accepts, denies or passes on (`action`: the word of ClusterNetworkPolicy)."""

    rule: RankedRule
    action: str
    isolated: bool = False
    """Whether it does so behind NetworkPolicies that isolate the pod."""


@dataclass(frozen=True, slots=True)
class RankedRuleMisses:
    """It was tried before the one that decides."""

    rule: RankedRule
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True)
class MoreRankedRulesMiss:
    """How many others were."""

    tier: str
    count: int


@dataclass(frozen=True, slots=True)
class TierUndecided:
    """Nobody can tell what a tier makes of it."""

    tier: str
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class LeadsTo:
    """What a Service's port is translated to."""

    service: str
    port: int
    pods: tuple[str, ...]
    pod_port: int


@dataclass(frozen=True, slots=True)
class NameUnresolved:
    """The packets would pass, and the name is not found."""


@dataclass(frozen=True, slots=True)
class EnginesDiffer:
    """What each measured engine makes of a flow, by design."""

    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ActsByItsRules:
    """A policy isolates a direction that its policyTypes do not name, on this engine."""

    policy: PlacedPolicy
    direction: str
    engine: str


@dataclass(frozen=True, slots=True)
class NotExercised:
    """A rule that no flow of a story goes through."""

    policy: str
    direction: str


Fact = (
    NotActing
    | NotEvaluated
    | NotSelected
    | AllowedBy
    | DeniedBy
    | NotFitting
    | Isolated
    | RankedRuleFits
    | RankedRuleMisses
    | MoreRankedRulesMiss
    | TierUndecided
    | LeadsTo
    | NameUnresolved
    | EnginesDiffer
    | ActsByItsRules
    | NotExercised
    | Fix
    | Doubt
    | Reason
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a flow did what it did, and the line that says so."""

    what: Fact | Sentence
    """A sentence in a report that was read from a file."""
    subject: str = ""
    """Whom it is about, `ingress of shop/db-0`; "" where the fact says it."""
    at: Position | None = None
