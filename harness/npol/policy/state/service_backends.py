"""
Where a Service leads: the pods, addresses and ports behind it.

The one place that says so: for what is measured and for what is predicted, of a cluster that was
read and of one that is only described. EndpointSlices count where they are known, and what the
endpoints controller will write for the selector: it writes a moment after pods are changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from npol.model.reason import Reason, ReasonCode
from npol.model.story import Protocol
from npol.policy.objects.entities import (
    End,
    Endpoint,
    ExternalEndpoint,
    Pod,
    Service,
    ServicePort,
)
from npol.policy.objects.netpol_types import Address
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBackend:
    """One end that answers for a Service; `address` None: it has none yet."""

    end: End
    port: int
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRoute:
    """What a port of a Service leads to."""

    service: Service
    """The one that answers: for an ExternalName the Service that it names, if it names one."""
    port: ServicePort | None = None
    backends: tuple[ServiceBackend, ...] = ()
    external_name: str = ""
    """The name outside the cluster that it stands for: its address is not known here."""
    problem: Reason | None = None
    """Why there is nothing to ask."""
    unanswered: Reason | None = None
    """Why nobody would answer, although there is something to ask."""


def resolve_service(
    state: ClusterState, service: Service, number: int, protocol: Protocol
) -> ServiceRoute:
    """The ready ends behind a Service's port."""
    named = _named(state, service)
    if isinstance(named, Reason):
        return ServiceRoute(service=service, problem=named)
    if named.external_name:
        return ServiceRoute(service=named, external_name=named.external_name)
    port = named.port(number, protocol)
    if port is None and named.headless and named.selector is not None:
        port = ServicePort(port=number, target=number, protocol=protocol)
    if port is None:
        return ServiceRoute(service=named, problem=_no_port(named, number, protocol))
    found = _backends(state, named, port, number)
    backends = tuple({(str(b.end), b.address, b.port): b for b in found}.values())
    unanswered = None if backends else _nobody(state, named, port)
    return ServiceRoute(service=named, port=port, backends=backends, unanswered=unanswered)


def backends_of(state: ClusterState, service: Service) -> list[Pod]:
    """The pods that a Service selects, ready or not; none without a selector."""
    if service.selector is None:
        return []
    wanted = service.selector.items()
    return [
        pod
        for pod in state.pods_in(service.namespace)
        if not pod.finished and wanted <= pod.labels.items()
    ]


def only_pod(
    state: ClusterState, target: End | Service, port: int, protocol: Protocol
) -> Pod | None:
    """The one pod that a flow to this target can end at."""
    if isinstance(target, Pod):
        return target
    if not isinstance(target, Service):
        return None
    ends = [backend.end for backend in resolve_service(state, target, port, protocol).backends]
    first = ends[0] if ends else None
    return first if isinstance(first, Pod) and ends.count(first) == len(ends) else None


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


def not_from_outside(service: Service, port: ServicePort | None) -> Reason | None:
    """Why a client outside does not reach a Service by its nodes; None if it does."""
    if service.type not in ("NodePort", "LoadBalancer"):
        return _reason(ReasonCode.NOT_FROM_OUTSIDE, service, names=(service.type,))
    if port and not port.node_port and service.type == "LoadBalancer":
        return None if service.allocates_node_ports else _reason(ReasonCode.NO_NODE_PORT, service)
    return None


def node_ports(state: ClusterState, route: ServiceRoute) -> tuple[ServiceBackend, ...]:
    """
    The nodes at which a client outside is answered, by their internal addresses.

    Nodes that do not take every pod may stand for places outside. With externalTrafficPolicy
    Local a node answers for the pods that it runs only. It answers in the Service's families.
    """
    families = {a.version for a in route.service.addresses}
    number = route.port.node_port if route.port else 0
    hosts = {b.end.node for b in route.backends if isinstance(b.end, Pod)}
    answering = (
        node
        for node in state.nodes
        if not node.tainted and (node.name in hosts or not route.service.keeps_client_address)
    )
    return tuple(
        ServiceBackend(end=node, port=number, address=address)
        for node in answering
        for address in node.internal
        if number and (not families or address.version in families)
    )


def _named(state: ClusterState, service: Service) -> Service | Reason:
    """The Service that an ExternalName leads to, itself if it leads outside; or why to none."""
    seen, own = list[Service](), f".svc.{state.domain}"
    while service.external_name.removesuffix(".").endswith(own):
        if service in seen:
            return _reason(ReasonCode.ALIAS_FOR_ITSELF, service)
        seen.append(service)
        host = service.external_name.removesuffix(".").removesuffix(own)
        name, _, namespace = host.partition(".")
        found = state.service(namespace, name)
        if found is None:
            nobody = f"{namespace}/{name}"
            return _reason(ReasonCode.ALIAS_FOR_NOBODY, service, names=(nobody,))
        service = found
    return service


def _reason(
    code: ReasonCode,
    service: Service,
    *,
    wanted: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> Reason:
    return Reason(code=code, subject=str(service), wanted=wanted, names=names)


def _no_port(service: Service, number: int, protocol: Protocol) -> Reason:
    has = tuple(f"{p.port}/{p.protocol.value}" for p in service.ports)
    wanted = (f"{number}/{protocol.value}",)
    return _reason(ReasonCode.NO_SUCH_PORT, service, wanted=wanted, names=has)


def _backends(
    state: ClusterState, service: Service, port: ServicePort, asked: int
) -> Iterator[ServiceBackend]:
    listed = state.endpoints_of(service.namespace, service.name)
    if service.selector is not None:
        unlisted = backends_of(state, service) if not listed else _not_yet(state, service, listed)
        yield from _selected(service, port, unlisted, asked)
    for endpoint in listed:
        number = asked if service.headless else endpoint.ports.get(port.name)
        end = _end(state, service, endpoint)
        if number and end and (endpoint.ready or service.publish_not_ready):
            yield ServiceBackend(end=end, port=number, address=endpoint.address)


def _not_yet(state: ClusterState, service: Service, listed: Collection[Endpoint]) -> list[Pod]:
    """The ready pods that the endpoints controller is about to list, as ready ones."""
    ready = [endpoint for endpoint in listed if endpoint.ready]
    known = {e.pod for e in ready} | {e.address for e in ready}
    selected = (pod for pod in backends_of(state, service) if pod.ready and pod.addresses)
    return [pod for pod in selected if known.isdisjoint({pod.uid, *pod.addresses})]


def _selected(
    service: Service, port: ServicePort, pods: Iterable[Pod], asked: int
) -> Iterator[ServiceBackend]:
    families = {a.version for a in service.addresses}
    for pod in pods:
        number = target_port(service, port, pod, asked)
        if number and (pod.ready or service.publish_not_ready):
            for address in pod.addresses or (None,):
                if address is None or not families or address.version in families:
                    yield ServiceBackend(end=pod, port=number, address=address)


def _end(state: ClusterState, service: Service, endpoint: Endpoint) -> End | None:
    """Whose address an endpoint is; None for a pod that is gone."""
    known = state.pod_with_uid(endpoint.pod) or state.owner(endpoint.address)
    if known is None and service.selector is None:
        return ExternalEndpoint(name=str(endpoint.address), addresses=(endpoint.address,))
    return known


def _nobody(state: ClusterState, service: Service, port: ServicePort) -> Reason:
    if service.selector is None:
        return _reason(ReasonCode.NO_ENDPOINT_KNOWN, service)
    selected = backends_of(state, service)
    if not selected:
        return _reason(ReasonCode.NO_POD_SELECTED, service)
    if not any(pod.ready or service.publish_not_ready for pod in selected):
        return _reason(ReasonCode.NO_READY_POD, service)
    if all(target_port(service, port, pod, port.port) is None for pod in selected):
        return _reason(ReasonCode.NO_POD_WITH_PORT, service, wanted=(str(port.target),))
    return _reason(ReasonCode.NO_READY_ENDPOINT, service)
