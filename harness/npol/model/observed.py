"""Traffic that was seen in the past, summed up by its ends."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.flow_record import RecordedPolicy
from npol.model.story import Protocol


class EndKind(enum.Enum):
    """What is known of an end of a flow that was seen."""

    POD = "pod"
    NODE = "node"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"  # an address or a name that says nothing of policies


class LeftOut(enum.Enum):
    """Why a record is no flow that somebody opened."""

    REPLY = "replies"
    OWN_NODE = "from the pod's own node (probes of its kubelet)"
    EPHEMERAL = "to ephemeral ports, where which end began is not known"
    BY_PROXY = "told by a proxy, of packets that are told apart"
    PLUGIN = "the network plugin's own"
    NOT_BY_POLICY = "dropped, but by no policy"
    OTHER = "on their way from one place to the next, or of no connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEnd:
    """Pods that are alike (by workload or labels), a node, or one address."""

    kind: EndKind
    namespace: str = ""
    name: str = ""
    """`deployment/web`; without a workload one of the pods; of a node or address, its own."""
    labels: tuple[tuple[str, str], ...] = ()
    namespace_labels: tuple[tuple[str, str], ...] | None = None
    """None: the records do not hold them."""
    address: str = ""
    """Of pods that are alike "": there are many."""

    def __str__(self) -> str:
        if self.kind is EndKind.POD:
            return f"{self.namespace}/{self.name.rpartition('/')[2]}"
        return f"node {self.name}" if self.kind is EndKind.NODE else self.name or self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFlow:
    """All that was seen from one end to another at one port."""

    source: ObservedEnd
    target: ObservedEnd
    protocol: Protocol | None
    """None: it has no ports (ICMP and others)."""
    port: int
    connections: int
    """By their source ports; where records keep none, the times at which it was told."""
    dropped: int = 0
    """Of these, by policy."""
    arrived: int = 0
    """Of these, as far as the records say."""
    last_seen: float = 0.0
    """Seconds since 1970."""
    policies: tuple[RecordedPolicy, ...] = ()
    """That are named as having decided."""

    def __str__(self) -> str:
        if self.protocol is None:
            return f"{self.source} -> {self.target} (no port: ICMP or the like)"
        return f"{self.source} -> {self.target}:{self.port}/{self.protocol.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRecord:
    """A line that is no record, by its place; nothing of it is quoted."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedTraffic:
    """What files of records hold."""

    flows: tuple[ObservedFlow, ...]
    records: int = 0
    files: tuple[str, ...] = ()
    plugin: str = ""
    """The network plugin that told it: `cilium` or `calico`."""
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    lost: int = 0
    """Records that the data plane says it could not tell."""
    cut_off: tuple[UnreadRecord, ...] = ()
    """Last lines that were not written to their end: nothing is wrong with the rest."""
    unread: tuple[UnreadRecord, ...] = ()
    """The first of the other lines that are no records."""
    unread_lines: int = 0
    """All of them."""
