"""The ends of a flow: pods, nodes, places outside, and the Services between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.errors import Position
from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Address
from npol.selectors import Labels

NAME_LABEL = "kubernetes.io/metadata.name"
"""Set by the API server on every namespace, to its name, and immutable."""


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port that a container declares. Declaring is informative: it may listen elsewhere."""

    number: int
    protocol: Protocol = Protocol.TCP
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod, or what a workload's template will become (then without address and node)."""

    namespace: str
    name: str
    labels: Labels = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    node: str = ""
    host_network: bool = False
    ports: tuple[ContainerPort, ...] = ()
    ports_besides: frozenset[int] = frozenset()
    """TCP ports that it names without declaring them: it surely listens there."""
    finished: bool = False
    """Succeeded or Failed: its address may belong to another pod by now."""
    may_be_named: bool = True
    """Whether a peer may mean it: not finished, not terminating, no debug pod of a run."""
    ready: bool = True
    workload: str = ""
    """`deployment/web-app`: the kind and name of what made it, the topmost one."""
    made_by: str = ""
    """What made it itself, such as a Deployment's ReplicaSet; "" as `workload`."""
    promised: bool = False
    """Not seen: made here from a workload's template."""
    configs: tuple[str, ...] = ()
    """ConfigMaps that it mounts."""
    uid: str = ""
    containers: tuple[str, ...] = ()
    priority_class: str = ""
    service_account: str = ""
    """"" for `default`."""
    own_dns: bool = False
    """Whether it looks names up elsewhere than at the cluster's DNS."""
    at: Position | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def address(self, family: int) -> Address | None:
        """Its address of a family (4 or 6), if it has one."""
        return next((a for a in self.addresses if a.version == family), None)

    def ports_named(self, name: str, protocol: Protocol) -> tuple[int, ...]:
        """
        The numbers behind a named port, in the order of the containers that declare it.

        A policy means all of them (seen on Calico), a Service's targetPort the first (the
        endpoints controller's FindPort).
        """
        return tuple(p.number for p in self.ports if p.name == name and p.protocol is protocol)


OWN_NODE = "of the target"
"""Stands for the name of the node that a flow's target runs on, where nobody knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node as an end of a flow: the kubelet, or any host-network process."""

    name: str
    addresses: tuple[Address, ...] = ()
    internal: tuple[Address, ...] = ()
    """Those of its addresses at which it answers inside the cluster's own network."""
    tainted: bool = False
    """Whether it does not take every pod; such a node may stand for a place outside."""
    control_plane: bool = False
    labels: Labels = field(default_factory=dict)

    def __str__(self) -> str:
        return f"node {self.name}"

    def address(self, family: int) -> Address | None:
        return next((a for a in self.addresses if a.version == family), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEndpoint:
    """Something outside the cluster; without addresses it may be anywhere."""

    name: str
    addresses: tuple[Address, ...] = ()

    def __str__(self) -> str:
        return self.name

    def address(self, family: int) -> Address | None:
        return next((a for a in self.addresses if a.version == family), None)


End = Pod | Node | ExternalEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """`labels` always holds NAME_LABEL."""

    name: str
    labels: Labels = field(default_factory=dict)
    declared: bool = True
    """False: no Namespace object was seen, only objects inside it; other labels may exist."""
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """`target` is a pod's port, or the name of one, which each pod may number differently."""

    port: int
    target: int | str
    protocol: Protocol = Protocol.TCP
    name: str = ""
    node_port: int = 0
    """The port of every node that leads here; 0: none, or not allocated yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service. `selector` None: its endpoints are written by hand."""

    namespace: str
    name: str
    ports: tuple[ServicePort, ...] = ()
    selector: Labels | None = None
    labels: Labels = field(default_factory=dict)
    type: str = "ClusterIP"
    addresses: tuple[Address, ...] = ()
    """Its ClusterIPs."""
    families: tuple[int, ...] = ()
    """4 and 6 as it asks for them; none where it leaves them to the cluster."""
    external_addresses: tuple[Address, ...] = ()
    """externalIPs, and what a load balancer has given it: from inside they mean it, too."""
    headless: bool = False
    external_name: str = ""
    publish_not_ready: bool = False
    keeps_client_address: bool = False
    """externalTrafficPolicy Local: pods see the address of the client outside."""
    allocates_node_ports: bool = True
    at: Position | None = None

    def __str__(self) -> str:
        return f"Service {self.namespace}/{self.name}"

    @property
    def every_address(self) -> tuple[Address, ...]:
        """The addresses that are replaced by a pod's before policies act."""
        return (*self.addresses, *self.external_addresses)

    def port(self, number: int, protocol: Protocol) -> ServicePort | None:
        wanted = (p for p in self.ports if p.port == number and p.protocol is protocol)
        return next(wanted, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """One path of an Ingress; `host` "" for any. `port`: a number or a name of the Service's."""

    namespace: str
    service: str
    port: int | str
    host: str = ""
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a Service, from its EndpointSlices."""

    address: Address
    ports: Mapping[str, int] = field(default_factory=dict)
    """Name of the Service's port -> number at the address."""
    ready: bool = True
    pod: str = ""
    """The uid of the pod that it is, where the slice says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """
    A flow whose ends are objects of a world, of one address family (4 or 6).

    `port` is the Service's for a Service, else the port of the target itself.
    """

    source: End
    target: End | Service
    port: int
    protocol: Protocol = Protocol.TCP
    family: int = 4
    at_external_address: bool = False
    """Whether a Service is asked at an address that it has for clients outside."""

    def __str__(self) -> str:
        target = str(self.target).removeprefix("Service ")
        return f"{self.source} -> {target}:{self.port}/{self.protocol.value}"
