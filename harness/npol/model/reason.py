"""Why a verdict is what it is, as values: `report.reasons` makes words of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.packet_fate import PacketFate
from npol.model.seen_outcome import SeenOutcome
from npol.model.sending import Sending


class ReasonCode(enum.Enum):
    """What a verdict rests on, or what it lacks."""

    # nothing was asked, or the probe did not run
    NOTHING_TO_ASK = "nothing to ask"
    PROBE_FAILED = "probe failed"
    SOURCE_STARVED = "source starved"
    NOT_HELD = "not held"  # nothing is known of a connection that was to be held open
    # the target has no address, or the flow or step is skipped
    NO_SUCH_SERVICE = "no such service"
    NO_RUNNING_POD = "no running pod"
    NO_EXTERNAL_ENDPOINT = "no external endpoint"
    NO_ANSWERING_NODE = "no answering node"
    NAME_NOT_RESOLVED = "name not resolved"  # not by its source, in the whole run
    ADDRESSES_NOT_ASKED = "addresses not asked"  # a name had none when the round was planned
    NO_ROUTE = "no route"  # `because` says why: the Service has no such port, ...
    OTHER_FAMILY = "other family"
    NO_SUCH_OBJECT = "no such object"
    KIND_NOT_SERVED = "kind not served"
    # what is known of a Service, or of an end, leads nowhere
    ALIAS_FOR_ITSELF = "alias for itself"
    ALIAS_FOR_NOBODY = "alias for nobody"
    NO_SUCH_PORT = "no such port"
    NO_ENDPOINT_KNOWN = "no endpoint known"
    NO_POD_SELECTED = "no pod selected"
    NO_READY_POD = "no ready pod"
    NO_POD_WITH_PORT = "no pod with port"
    NO_READY_ENDPOINT = "no ready endpoint"
    NO_ENDPOINT_OF_FAMILY = "no endpoint of family"
    NOT_FROM_OUTSIDE = "not from outside"
    NO_NODE_PORT = "no node port"
    POD_FINISHED = "pod finished"
    NO_ADDRESS_OF_FAMILY = "no address of family"
    NO_SOURCE_HERE = "no source here"
    NO_TARGET_HERE = "no target here"
    KNOWN_AT_SOURCE = "known at source"
    UNKNOWN_CLUSTER_IP = "unknown cluster ip"
    # what the network did
    OPEN = "open"
    CLOSED = "closed"
    DNS_BLOCKED = "dns blocked"
    NO_SUCH_NAME = "no such name"
    NAME_ANSWERED = "name answered"
    FOREIGN_ADDRESS = "foreign address"
    REFUSED = "refused"
    REFUSES_WHOM_IT_HEARS = "refuses whom it hears"
    ENDPOINT_CLOSED = "endpoint closed"
    ONE_FAMILY_CLOSED = "one family closed"
    ONE_FAMILY_OPEN = "one family open"
    OTHER_STATUS = "other status"
    SEEN_ONCE = "seen once"
    OTHER_BODY = "other body"
    OTHER_OUTCOME = "other outcome"
    HELD = "held"  # what a connection does that is held open: `said`
    # a silence, or an answer, that proves nothing
    BODY_CUT_OFF = "body cut off"
    NOT_SILENT = "not silent"
    SOURCE_NOT_PROVEN = "source not proven"
    DNS_NOT_PROVEN = "dns not proven"
    TARGET_NOT_PROVEN = "target not proven"
    TARGET_SILENT = "target silent"
    NAME_SERVER_SILENT = "name server silent"
    NOT_BY_POLICY = "not by policy"
    # what the data plane's records say besides
    NOT_ENFORCED = "not enforced"
    CONTRADICTION = "contradiction"
    RECORDED = "recorded"
    # beyond one round
    FLAPPING = "flapping"
    AGAINST_PREDICTION = "against prediction"
    SOURCE_PODS_DIFFER = "source pods differ"
    TOO_SLOW = "too slow"
    BUDGET_NOT_SHOWN = "budget not shown"
    LEAKED = "leaked"  # a fresh pod got through before its policies were in force
    LEAK_NOT_EXCLUDED = "leak not excluded"  # nobody saw a time in which it may have got through
    START_NOT_SEEN = "start not seen"  # `said`: why a fresh pod's first seconds are not known
    OTHER_POLICY_DECIDES = "other policy decides"
    DECIDING_POLICY_UNKNOWN = "deciding policy unknown"
    DATA_PLANE_NAMES_NOBODY = "data plane names nobody"
    POLICY_NAMES_DIFFER = "policy names differ"
    CHANGED_BY_OTHERS = "changed by others"
    CHANGES_NOT_READ = "changes not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingPods:
    """How many of the pods that were asked are not as expected, and the one that is told of."""

    failing: int
    asked: int
    pod: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """
    A code, and what it is about; the codes that have a field leave the others empty.

    `subject`: the address or end that it is about; "" for the flow as a whole.
    """

    code: ReasonCode
    subject: str = ""
    seen: tuple[SeenOutcome, ...] = ()
    wanted: tuple[str, ...] = ()
    """What the story or the API says, as it is spelt there: a status, a policy, addresses."""
    names: tuple[str, ...] = ()
    """What was found in its place, or what else there is: addresses, policies, changes."""
    count: int = 0
    """How many answer, or were asked; of `total`."""
    total: int = 0
    family: int = 0
    """4 or 6: the closed or silent one, or the only one of a target; 0 where it is about all."""
    seconds: float | None = None
    budget: float | None = None
    sending: Sending | None = None
    fate: PacketFate | None = None
    said: str = ""
    """What a tool, an error or the evaluator said, in its own words."""
    because: Reason | None = None
    """Why there was nothing to ask, or no route."""
    besides: Reason | None = None
    """What the data plane's records add."""
    pods: FailingPods | None = None
    """Where a source has several pods."""

    @property
    def trouble(self) -> tuple[ReasonCode, str]:
        """What two reasons share that are the same trouble, whatever else they say."""
        return self.code, self.subject
