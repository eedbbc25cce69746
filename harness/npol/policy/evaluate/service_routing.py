"""From a flow to its concrete paths: which pods and ports are behind a Service's port."""

from __future__ import annotations

from dataclasses import dataclass, replace

from npol.model.reason import Reason, ReasonCode
from npol.policy.evaluate.match import Path
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Node, Pod, Service, Traffic
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.service_backends import (
    ServiceBackend,
    ServiceRoute,
    not_from_outside,
    resolve_service,
)

ANOTHER_NODE = Node(name="another node")
"""Any node but the one that the target runs on."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The paths that a flow may take; without any, `problem` says why nothing answers."""

    paths: tuple[Path, ...] = ()
    problem: Reason | None = None
    unanswered: Path | None = None
    """The way to a Service's own address, where nothing behind it answers."""


def routes(world: ClusterState, traffic: Traffic, dialect: Dialect) -> Routes:
    """Translate a Service into the pods behind it, and a NodePort client into what pods see."""
    for end in (traffic.source, traffic.target):
        if problem := _absent(end, traffic.family):
            return Routes(problem=problem)
    if not isinstance(traffic.target, Service):
        return Routes((_path(traffic, traffic.target, traffic.port),))
    found = _behind_service(world, traffic, traffic.target)
    if isinstance(traffic.source, ExternalEndpoint) and not found.problem:
        return _through_node(world, traffic, found, dialect)
    if traffic.at_external_address:
        paths = tuple(p for path in found.paths for p in _by_external_address(world, path, dialect))
        return replace(found, paths=paths)
    return found


def _by_external_address(world: ClusterState, path: Path, dialect: Dialect) -> tuple[Path, ...]:
    """
    The way of a pod that asks at an address for clients outside, and whom its target may see.

    Policies of the pod's own node act before its address is replaced.
    """
    source, replaced = path.source, dialect.masquerades_external_addresses
    local = path.service is not None and path.service.keeps_client_address
    if not isinstance(source, Pod) or source.host_network or local or replaced is False:
        return (path,)
    own = path.target.node if isinstance(path.target, Pod) else ""
    if source.node and source.node == own:
        return (path,)
    node = next((n for n in world.nodes if n.name == source.node), ANOTHER_NODE)
    seen = replace(path, seen_as=node)
    return (seen,) if replaced and source.node and own else (path, seen)


def _absent(end: End | Service, family: int) -> Reason | None:
    """Why an end takes part in no traffic of this family; None if it does."""
    if isinstance(end, Pod) and end.finished:
        return Reason(code=ReasonCode.POD_FINISHED, subject=str(end))
    if end.addresses and not any(a.version == family for a in end.addresses):
        return Reason(code=ReasonCode.NO_ADDRESS_OF_FAMILY, subject=str(end), family=family)
    return None


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
    route = resolve_service(world, service, traffic.port, traffic.protocol)
    if route.external_name:
        place = ExternalEndpoint(name=route.external_name)
        return Routes((_path(traffic, place, traffic.port),))
    paths = {
        str(backend.end): _path(traffic, backend.end, backend.port, route.service)
        for backend in route.backends
        if _is_of(backend, traffic.family)
    }
    problem = route.problem or route.unanswered
    if not paths and not problem:
        problem = Reason(
            code=ReasonCode.NO_ENDPOINT_OF_FAMILY,
            subject=str(route.service),
            family=traffic.family,
        )
    return Routes(tuple(paths.values()), problem, _unanswered(traffic, route))


def _unanswered(traffic: Traffic, route: ServiceRoute) -> Path | None:
    if not route.unanswered or route.service is None or route.service.headless:
        return None
    asked = route.service.addresses
    if traffic.at_external_address:
        asked = route.service.external_addresses
    place = ExternalEndpoint(name=str(route.service), addresses=asked)
    return _path(traffic, place, traffic.port)


def _is_of(backend: ServiceBackend, family: int) -> bool:
    return backend.address is None or backend.address.version == family


def _through_node(world: ClusterState, traffic: Traffic, found: Routes, dialect: Dialect) -> Routes:
    """
    A client outside reaches a Service through a node, which may put its own address in the
    client's place (externalTrafficPolicy Cluster, the default).
    """
    service = found.paths[0].service
    if service is None:
        return found
    if problem := not_from_outside(service, service.port(traffic.port, traffic.protocol)):
        return Routes(problem=problem)
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
