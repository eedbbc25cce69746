"""
The nouns of Cilium's own policies, frozen.

Source: cilium/cilium v1.20.2 pkg/policy/api (rule.go, ingress.go, egress.go, l4.go, cidr.go,
service.go) and pkg/k8s/apis/cilium.io/v2. Selectors have the sources of labels in their keys:
`any:app`, `k8s:io.kubernetes.pod.namespace`, `reserved:host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Direction, IpBlock, Network, Origin
from npol.selectors import Labels, Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class CidrGroup:
    """A CiliumCIDRGroup: addresses that rules name by the group's name, or by its labels."""

    name: str
    labels: Labels = field(default_factory=dict)
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CidrGroupRef:
    """An entry of `fromCIDRSet` or `toCIDRSet` that means groups: by name, or by labels."""

    name: str = ""
    selector: Selector | None = None
    excepts: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRef:
    """An entry of `toServices`: by name, or by labels; `namespace` "" for any."""

    namespace: str = ""
    name: str = ""
    selector: Selector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumPeer:
    """One entry of a `from...` or `to...` list. One of its fields says who is meant."""

    origin: Origin
    endpoints: Selector | None = None
    nodes: Selector | None = None
    entity: str = ""
    block: IpBlock | None = None
    group: CidrGroupRef | None = None
    service: ServiceRef | None = None
    named: tuple[str, ...] = ()
    """Places whose addresses DNS or a cloud knows (`toFQDNs`, `toGroups`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumPort:
    """
    One entry of `ports`; port 0: all of them.

    `protocol` None: TCP, UDP and SCTP. `other`: what no flow here has, such as ICMP.
    """

    origin: Origin
    protocol: Protocol | None = None
    port: int | str = 0
    end_port: int = 0
    other: str = ""
    asks: str = ""
    """The field that asks for more than packets of L3/L4 show, such as `rules.http`."""

    def __str__(self) -> str:
        word = self.other or (self.protocol.name if self.protocol else "ANY")
        if not self.port:
            return f"{word} (all ports)"
        return f"{word} {self.port}" + (f"-{self.end_port}" if self.end_port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumRule:
    """One entry of `ingress`, `egress`, `ingressDeny` or `egressDeny`."""

    direction: Direction
    origin: Origin
    denies: bool = False
    peers: tuple[CiliumPeer, ...] | None = None
    """None: everybody; (): nobody."""
    ports: tuple[CiliumPort, ...] | None = None
    """None: all of every protocol; (): none."""
    asks: str = ""
    """As of a port, for the whole rule: `authentication`."""

    @property
    def services(self) -> tuple[ServiceRef, ...]:
        return tuple(peer.service for peer in self.peers or () if peer.service)


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumSection:
    """`spec`, or one entry of `specs`: the pods, or (`nodes`) the nodes, that it acts on."""

    origin: Origin
    selector: Selector
    nodes: bool = False
    rules: tuple[CiliumRule, ...] = ()
    """Denies before what is allowed, as they are explained."""
    isolates: frozenset[Direction] = frozenset()
    """Where it has rules, and `enableDefaultDeny` does not say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumPolicy:
    """A CiliumNetworkPolicy, or without a namespace a CiliumClusterwideNetworkPolicy."""

    kind: str
    name: str
    origin: Origin
    namespace: str = ""
    sections: tuple[CiliumSection, ...] = ()
    needs: str = ""
    """The option of the agent without which it refuses the policy; not set by default."""

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"

    def rules(self, direction: Direction) -> tuple[CiliumRule, ...]:
        return tuple(r for s in self.sections for r in s.rules if r.direction is direction)


CidrGroups = Mapping[str, CidrGroup]
