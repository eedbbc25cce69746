"""What a cluster's data plane itself told of one packet, as values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.story import Protocol


class RecordVerdict(enum.Enum):
    """What became of the packet at this point of its way."""

    FORWARDED = "forwarded"
    DROPPED_BY_POLICY = "dropped by policy"
    DROPPED_OTHERWISE = "dropped otherwise"  # no route, no endpoint, a malformed packet, ...
    AUDITED = "audited"  # policy audit mode: it would have been dropped, and was not
    REDIRECTED = "redirected"  # to a proxy, which decides in its turn
    OTHER = "other"  # translated, traced, an error: nothing was decided


class RecordDirection(enum.Enum):
    """Whose policies were asked: the target's or the source's."""

    INGRESS = "ingress"
    EGRESS = "egress"
    UNKNOWN = "unknown"


class ObservationPoint(enum.Enum):
    """Where on its way the packet was seen."""

    POLICY_VERDICT = "policy verdict"
    DROP = "drop"
    TO_ENDPOINT = "to endpoint"  # it is handed to the target pod
    L7 = "l7"  # told by a proxy
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPolicy:
    """A policy that a record names; `namespace` is "" for kinds of the whole cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}".replace(" /", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEnd:
    """One end of a packet's way, as the data plane knew it at that moment."""

    address: str
    port: int = 0
    """0 where the protocol has none; of a ping's source its identifier, where that is told."""
    namespace: str = ""
    pod: str = ""
    workload: str = ""
    """`deployment/web-app`; "" where none is known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The pod's labels that policies can select by; some that no policy needs are left out."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    entities: frozenset[str] = frozenset()
    """What it is besides a pod: `host`, `remote-node`, `world`, `kube-apiserver`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRecord:
    """One packet at one point of its way. Of what it carried nothing is kept."""

    time: float
    """Seconds since 1970 by the clock of `node`."""
    verdict: RecordVerdict
    point: ObservationPoint
    source: RecordedEnd
    target: RecordedEnd
    protocol: Protocol | None
    """None for ICMP and everything else that has no ports."""
    direction: RecordDirection = RecordDirection.UNKNOWN
    """Of policy verdicts and drops; UNKNOWN at all other points."""
    node: str = ""
    """The node that told it, without its cluster's name."""
    first: bool = False
    """
    Whether the packet may open a connection: a SYN without ACK; of other protocols, one that
    belongs to no connection that is known already.
    """
    reply: bool | None = None
    """Whether it goes back to whom opened the connection; None where that is not known."""
    reason: str = ""
    """Why it was dropped, in the data plane's own word (`POLICY_DENIED`); "" if it was not."""
    policies: tuple[RecordedPolicy, ...] = ()
    """Which decided; none for a default deny, and where the data plane does not know."""


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """A record, and when it came here, by this process's monotonic clock."""

    record: FlowRecord
    at: float
