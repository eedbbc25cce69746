"""From a flow to its concrete paths: which pods and ports are behind a Service's port."""

from __future__ import annotations

from dataclasses import dataclass, replace

from npol.policy.evaluate.match import Path
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import (
    End,
    Endpoint,
    ExternalEndpoint,
    Node,
    Pod,
    Service,
    ServicePort,
    Traffic,
)
from npol.policy.state.cluster_state import ClusterState

ANOTHER_NODE = Node(name="another node")
"""Any node but the one that the target runs on."""

_UNANSWERED = (
    "it refuses at once, or is silent where the source's egress does not allow its ClusterIP"
)
"""Measured on Calico, which judges the untranslated ClusterIP then; Cilium is always silent."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The paths that a flow may take; without any, `problem` says why nothing answers."""

    paths: tuple[Path, ...] = ()
    problem: str = ""


def routes(world: ClusterState, traffic: Traffic, dialect: Dialect) -> Routes:
    """Translate a Service into the pods behind it, and a NodePort client into what pods see."""
    for end in (traffic.source, traffic.target):
        if problem := _absent(end, traffic.family):
            return Routes(problem=problem)
    if not isinstance(traffic.target, Service):
        return Routes((_path(traffic, traffic.target, traffic.port),))
    found = _behind_service(world, traffic, traffic.target)
    if isinstance(traffic.source, ExternalEndpoint) and not found.problem:
        return _through_node(world, traffic.target, found, dialect)
    return found


def _absent(end: End | Service, family: int) -> str:
    """Why an end takes part in no traffic of this family; "" if it does."""
    if isinstance(end, Pod) and end.finished:
        return f"pod {end} has finished"
    if end.addresses and not any(a.version == family for a in end.addresses):
        return f"{end} has no IPv{family} address"
    return ""


def _path(traffic: Traffic, target: End, port: int, service: Service | None = None) -> Path:
    return Path(
        source=traffic.source,
        target=target,
        port=port,
        protocol=traffic.protocol,
        family=traffic.family,
        service=service,
        service_port=traffic.port if service else 0,
    )


def _behind_service(world: ClusterState, traffic: Traffic, service: Service) -> Routes:
    if service.external_name:
        place = ExternalEndpoint(name=service.external_name)
        return Routes((_path(traffic, place, traffic.port),))
    port = service.port(traffic.port, traffic.protocol)
    if port is None and service.headless and service.selector is not None:
        port = ServicePort(port=traffic.port, target=traffic.port, protocol=traffic.protocol)
    if port is None:
        has = ", ".join(f"{p.port}/{p.protocol.value}" for p in service.ports) or "none"
        asked = f"{traffic.port}/{traffic.protocol.value}"
        return Routes(problem=f"{service} has no port {asked}; it has {has}")
    if service.selector is None:
        return _hand_made(world, traffic, service, port)
    return _selected(world, traffic, service, port)


def _selected(world: ClusterState, traffic: Traffic, service: Service, port: ServicePort) -> Routes:
    backends = backends_of(world, service)
    ready = [p for p in backends if p.ready or service.publish_not_ready]
    paths = [
        _path(traffic, pod, number, service)
        for pod in ready
        if (number := target_port(service, port, pod, traffic.port))
        and not _absent(pod, traffic.family)
    ]
    if paths:
        return Routes(tuple(paths))
    if not backends:
        return Routes(problem=f"{service} selects no pod: {_UNANSWERED}")
    if not ready:
        return Routes(problem=f"{service} has no ready pod: {_UNANSWERED}")
    return Routes(problem=f"no pod of {service} has a port named {port.target!r}")


def backends_of(world: ClusterState, service: Service) -> list[Pod]:
    """The pods that a Service selects, ready or not; none without a selector."""
    if service.selector is None:
        return []
    wanted = service.selector.items()
    return [
        pod
        for pod in world.pods_in(service.namespace)
        if not pod.finished and wanted <= pod.labels.items()
    ]


def target_port(service: Service, port: ServicePort, pod: Pod, asked: int) -> int | None:
    """
    The pod's port behind a Service's port; None if the pod has no port of that name.

    A headless Service translates nothing: its name stands for the pods' own addresses.
    """
    if service.headless:
        return asked
    if isinstance(port.target, int):
        return port.target
    return next(iter(pod.ports_named(port.target, port.protocol)), None)


def _hand_made(
    world: ClusterState, traffic: Traffic, service: Service, port: ServicePort
) -> Routes:
    """A Service without selector: its EndpointSlices name addresses."""
    slices = [
        endpoint
        for (namespace, name, _), found in world.endpoints.items()
        if (namespace, name) == (service.namespace, service.name)
        for endpoint in found
        if endpoint.address.version == traffic.family
        and (endpoint.ready or service.publish_not_ready)
    ]
    paths = tuple(_to_endpoint(world, traffic, service, port, e) for e in slices)
    if not paths:
        return Routes(problem=f"{service} has no selector, and no endpoints are known")
    return Routes(paths)


def _to_endpoint(
    world: ClusterState, traffic: Traffic, service: Service, port: ServicePort, endpoint: Endpoint
) -> Path:
    owner = world.owner(endpoint.address)
    target = owner or ExternalEndpoint(name=str(endpoint.address), addresses=(endpoint.address,))
    number = endpoint.ports.get(port.name) or port.target
    if service.headless:  # nothing translates the port: its name stands for the addresses
        number = traffic.port
    return _path(traffic, target, number if isinstance(number, int) else port.port, service)


def _through_node(world: ClusterState, service: Service, found: Routes, dialect: Dialect) -> Routes:
    """
    A client outside reaches a Service through a node, which may put its own address in the
    client's place (externalTrafficPolicy Cluster, the default).
    """
    if service.type not in ("NodePort", "LoadBalancer"):
        return Routes(problem=f"{service} is of type {service.type}: not reachable from outside")
    clients = ("client",) if service.keeps_client_address else dialect.node_port_clients
    return Routes(
        tuple(
            replace(path, source=_seen_as(world, path, client))
            for path in found.paths
            for client in clients
        )
    )


def _seen_as(world: ClusterState, path: Path, client: str) -> End:
    if client == "client":
        return path.source
    if client == "replaced":
        return ExternalEndpoint(name=f"{path.source}, its address replaced")
    own = path.target.node if isinstance(path.target, Pod) else ""
    others = [n for n in world.nodes if own and n.name != own]
    return others[0] if others else ANOTHER_NODE
