"""What a story file says, after the door: every value is valid and every name resolves."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from npol.errors import Position
from npol.model.change import Apply, Change, Manifest
from npol.model.expectation import Expectation
from npol.model.gap import GapBudget
from npol.model.pairing import FlowGroup, FlowPair, Pairing
from npol.model.story_settings import Defaults, Settle
from npol.selectors import Selector


class Protocol(enum.Enum):
    """Transport protocols that a NetworkPolicy knows."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class FlowKind(enum.Enum):
    """What is asked over a flow."""

    CONNECT = "connect"  # does the port answer: TCP handshake, or a UDP datagram that is answered
    HTTP = "http"
    DNS = "dns"  # does the name resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    One end of a flow; a peer may be a source, a target, or both.

    As a source: a debug pod with `labels` in `namespace`, or the running `workload`/`pod`
    (exec in `container`), or a place outside. As a target: `service`, else the pods of
    `workload`/`pod`/`labels`, else `host` (reached `via` another peer's Service), `address`,
    or the `external` place.
    """

    name: str
    at: Position
    namespace: str = ""
    namespaces: Selector | None = None
    """By label, instead of one: it stands for one peer in each, all of them like it."""
    chosen_by: str = ""
    """The peer with `namespaces` that this one stands for in its namespace."""
    labels: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    workload: str = ""
    """`deployment/web-app`: kind and name."""
    pod: str = ""
    container: str = ""
    host: str = ""
    via_namespace: str = ""
    via_service: str = ""
    external: str = ""
    address: str = ""
    node: str = ""
    """Where a debug pod runs: a node's name, or `same` / `other` than its flow's target."""
    host_network: bool = False
    image: str = ""
    fresh: bool = False
    """Whether its debug pod starts after the changes of each step that asks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """An HTTP request and what its answer must hold."""

    path: str = "/"
    host: str = ""
    body: str = ""
    """Text that the answer must contain; empty for any."""
    tls: bool = False
    sni: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One source, one target, one port, one protocol, and what is expected of it."""

    name: str
    at: Position
    source: str
    expect: Expectation
    target: str = ""
    every_pod: bool = False
    pairing: Pairing = Pairing.NONE
    """How the target's namespaces go with those of the source; until both are looked up."""
    group: FlowGroup | None = None
    """The flow between selected namespaces that this one is a pair of."""
    pair: FlowPair | None = None
    """Which one of that group."""
    port: int = 0
    """The Service's port for a target with a Service, else the pod's. 0 for DNS flows."""
    protocol: Protocol = Protocol.TCP
    http: HttpCheck | None = None
    resolve: str = ""
    """A name to look up instead of a target to reach."""
    hold: str = ""
    """
    The earlier step at whose end a connection was opened that is kept since: the flow asks what
    becomes of that one. "" for new connections.
    """
    converge_within: float | None = None
    at_most: GapBudget | None = None
    """What a watch forgives it."""
    leak: float | None = None
    """Seconds for which it may be open once its fresh end has started."""
    because: str = ""
    """`NAME` or `NAMESPACE/NAME` of the policy that decides, by prediction; "" for no claim."""
    covers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def kind(self) -> FlowKind:
        if self.resolve:
            return FlowKind.DNS
        return FlowKind.HTTP if self.http else FlowKind.CONNECT

    @property
    def told_as(self) -> str:
        """The name that its result has: that of its group, where it is a pair of one."""
        return self.group.name if self.group else self.name

    @property
    def key(self) -> str:
        """What is asked, whatever is expected of it: equal in every step that asks the same."""
        if self.resolve:
            return f"{self.source} ? {self.resolve}/{self.protocol.value}"
        web = f" {self.http}" if self.http else ""
        every = "every pod of " if self.every_pod else ""
        which = f"{self.pairing} " if self.pairing is not Pairing.NONE else ""
        target = f"{every}{which}{self.target}"
        held = f" held since {self.hold}" if self.hold else ""
        return f"{self.source} -> {target}:{self.port}/{self.protocol.value}{web}{held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCheck:
    """A claim about objects of the cluster, not about packets."""

    kind: str
    """`endpoints`, `ready`, ...: the key that names the check in the file."""
    name: str
    at: Position
    namespace: str
    subject: str
    wants: Mapping[str, Any] = field(default_factory=dict)
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A condition without which a step is skipped: an object that must exist."""

    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Changes, then flows and checks."""

    name: str
    at: Position
    changes: tuple[Change, ...] = ()
    checks: tuple[StateCheck, ...] = ()
    flows: tuple[Flow, ...] = ()
    same_as: str = ""
    settle: Settle | None = None
    converge_within: float | None = None
    leak: float | None = None
    trust_packets: bool = False
    when: When | None = None
    covers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story file."""

    name: str
    path: str
    """As the user gave it; positions repeat it."""
    root: str
    """Manifests must lie below it."""
    covers: tuple[str, ...] = ()
    """Requirements that the whole shows; those of one step, flow or check stand there."""
    given: tuple[Manifest, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the file's reader is to be told, though nothing of it is wrong."""

    def step(self, name: str) -> Step:
        return next(s for s in self.steps if s.name == name)

    @property
    def shows(self) -> tuple[str, ...]:
        """All requirements that the story, its steps, flows and checks cover, each once."""
        found = [*self.covers]
        for step in self.steps:
            parts: list[Step | StateCheck | Flow] = [step, *step.checks, *step.flows]
            found += (c for part in parts for c in part.covers)
        return tuple(dict.fromkeys(found))

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of all steps, in their order."""
        return tuple(change for step in self.steps for change in step.changes)

    @property
    def applied(self) -> tuple[Manifest, ...]:
        """Everything that some step applies, in order; an object stands once for each time."""
        return tuple(m for c in self.changes if isinstance(c, Apply) for m in c.manifests)

    @property
    def baseline(self) -> Step | None:
        """The first step that asks flows and changes nothing: what a rollback is held against."""
        steps = (replace(s, flows=tuple(f for f in s.flows if not f.hold)) for s in self.steps)
        return next((s for s in steps if s.flows and not s.changes), None)

    @property
    def writes(self) -> bool:
        """Whether any step changes the cluster."""
        return bool(self.changes)
