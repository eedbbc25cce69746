"""
The nouns of a NetworkPolicy, frozen, with defaults as the API server sets them.

Source: kubernetes/api networking/v1/types.go; defaults: pkg/apis/networking/v1/defaults.go.
"""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass, field, replace

from npol.errors import Position
from npol.model.story import Protocol
from npol.selectors import Selector

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Direction(enum.Enum):
    """The value is the word of `policyTypes`."""

    INGRESS = "Ingress"
    EGRESS = "Egress"

    @property
    def field(self) -> str:
        """The field of `spec` that holds this direction's rules."""
        return self.value.lower()

    @property
    def peers_field(self) -> str:
        return "from" if self is Direction.INGRESS else "to"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a policy, or a part of one, comes from."""

    policy: str
    """`namespace/name`, or `name` for kinds without namespaces."""
    path: str = ""
    """`spec.ingress[0].from[1]`; "" for the policy as a whole."""
    at: Position | None = None
    kind: str = "NetworkPolicy"

    @property
    def directory(self) -> str:
        """That of its file; "" for what came from a cluster."""
        return self.at.file.rpartition("/")[0] if self.at else ""

    def __str__(self) -> str:
        """`file:line` when it is known, else the object and the path in it."""
        if self.at:
            return f"{self.at.file}:{self.at.line}"
        return f"{self.kind} {self.policy}" + (f" {self.path}" if self.path else "")

    @property
    def of_policy(self) -> str:
        """The same with the policy's name, which a file and a line do not tell."""
        return f"{self.kind} {self.policy} ({self})" if self.at else str(self)


@dataclass(frozen=True, slots=True)
class IpBlock:
    """Addresses in `cidr` and in none of `excepts`. One family only: `0.0.0.0/0` is no IPv6."""

    cidr: Network
    excepts: tuple[Network, ...] = ()

    def __contains__(self, address: Address) -> bool:
        return address in self.cidr and not any(address in e for e in self.excepts)

    def __str__(self) -> str:
        less = f" except {', '.join(map(str, self.excepts))}" if self.excepts else ""
        return f"{self.cidr}{less}"

    @property
    def whole_family(self) -> bool:
        """Whether every address of its family is in it."""
        return self.cidr.prefixlen == 0 and not self.excepts


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerClause:
    """One entry of `from` or `to`; a selector that is None was not given."""

    origin: Origin
    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: IpBlock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortClause:
    """One entry of `ports`; `port` is a number, a name on the destination pod, or None for all."""

    origin: Origin
    protocol: Protocol = Protocol.TCP
    port: int | str | None = None
    end_port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return f"{self.protocol.name} (all ports)"
        tail = f"-{self.end_port}" if self.end_port is not None else ""
        return f"{self.protocol.name} {self.port}{tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One allow rule. No peers: any peer; no ports: any port of any protocol."""

    direction: Direction
    origin: Origin
    peers: tuple[PeerClause, ...] = ()
    ports: tuple[PortClause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One NetworkPolicy. It isolates what it selects in `directions`, and in no other."""

    namespace: str
    name: str
    origin: Origin
    selector: Selector = field(default_factory=dict)
    directions: frozenset[Direction] = frozenset({Direction.INGRESS})
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def rules(self, direction: Direction) -> tuple[Rule, ...]:
        """The rules in force: those of a direction outside `directions` mean nothing."""
        return self.written(direction) if direction in self.directions else ()

    def written(self, direction: Direction) -> tuple[Rule, ...]:
        """The rules as they stand in the manifest, in force or not."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    @property
    def by_its_rules(self) -> Policy:
        """The same with every direction in force that has a rule, named or not."""
        written = {rule.direction for rule in (*self.ingress, *self.egress)}
        if written <= self.directions:
            return self
        return replace(self, directions=self.directions | written)

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The rules in force of both directions, ingress first."""
        return (*self.rules(Direction.INGRESS), *self.rules(Direction.EGRESS))
