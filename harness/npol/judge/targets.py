"""
Where a flow goes: a peer of the story, resolved against the state of the cluster.

Pure. Addresses come from the API and never from a look-up: a name is a probe of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from npol.model.inventory import PLACE
from npol.model.probe import PodRef
from npol.model.reason import Reason, ReasonCode
from npol.model.story import Flow, Peer, Protocol
from npol.model.target import Backend, Target
from npol.policy.objects.entities import Pod
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.peer_pods import pods_of
from npol.policy.state.service_backends import (
    ServiceBackend,
    ServiceRoute,
    node_ports,
    not_from_outside,
    resolve_service,
)


def resolve(flow: Flow, peer: Peer, state: ClusterState, *, from_outside: bool = False) -> Target:
    """
    The addresses of a flow's target; `Target.problem` says why there are none.

    A source outside the cluster reaches a Service by its nodes' NodePort only.
    """
    target = Target(
        label=f"{peer.name}:{flow.port}/{flow.protocol.value}",
        port=flow.port,
        host=peer.host if peer.via_service else "",
    )
    if peer.service or peer.via_service:
        return _service(target, flow.protocol, peer, state, outside=from_outside)
    if peer.host:
        return replace(target, name=f"{peer.host}.", host=peer.host, resolved_at_source=True)
    if peer.address:
        return replace(target, backends=(Backend(ip=peer.address, port=flow.port),))
    if peer.external and (place := place_pod(peer.external, state)) is None:
        return replace(target, problem=no_place(peer.external), absent=True)
    pods = [place] if peer.external and place else selected_pods(peer, state)
    backends = tuple(Backend(ip=ip, port=flow.port, pod=pod) for pod in pods for ip in pod.ips)
    nobody = Reason(code=ReasonCode.NO_RUNNING_POD, subject=peer.name)
    return replace(target, backends=backends, problem=None if backends else nobody)


def selected_pods(peer: Peer, state: ClusterState) -> Iterator[PodRef]:
    """The running pods that a peer names."""
    return (pod_ref(pod, peer.container) for pod in pods_of(state, peer))


def pod_ref(pod: Pod, container: str = "") -> PodRef:
    """The reference to a pod; its address is "" while it has none."""
    first, *others = map(str, pod.addresses or ("",))
    return PodRef(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        ip=first,
        other_ips=tuple(others),
        node=pod.node,
        container=container or next(iter(pod.containers), ""),
        labels=pod.labels,
        ready=pod.ready,
        host_network=pod.host_network,
    )


def absolute_names(name: str, source: Peer, state: ClusterState) -> tuple[str, ...]:
    """
    The fully qualified names among which a pod's resolver takes the first that exists.

    A pod has the search list NAMESPACE.svc.DOMAIN, svc.DOMAIN, DOMAIN (mostly cluster.local) and
    `ndots:5`. Of its candidates those are left out that name nothing a cluster's DNS may have (so
    every one of a name with five dots), and those behind a Service that is there.
    """
    if name.endswith("."):
        return (name,)
    tried = (f"{name}.{domain}." for domain in _search_list(source, state))
    found: list[str] = []
    for candidate in tried:
        if _may_exist(candidate, source, state):
            found.append(candidate)
        if _is_service(candidate, state):
            return tuple(found)
    return (*found, f"{name}.")


def _search_list(source: Peer, state: ClusterState) -> tuple[str, ...]:
    own = (f"{source.namespace}.svc.{state.domain}",) if source.namespace else ()
    return (*own, f"svc.{state.domain}", state.domain)


def _may_exist(name: str, source: Peer, state: ClusterState) -> bool:
    """Whether the cluster may have it: only the source's namespace is sure to be read whole."""
    match _in_cluster(name, state):
        case [_, service, namespace, "svc"] if namespace == source.namespace:
            return state.service(namespace, service) is not None
        case [_, namespace, "svc" | "pod"] | [_, _, namespace, "svc"]:
            return namespace == source.namespace or namespace in state.namespaces
    return False


def _is_service(name: str, state: ClusterState) -> bool:
    match _in_cluster(name, state):
        case [service, namespace, "svc"]:
            return state.service(namespace, service) is not None
    return False


def _in_cluster(name: str, state: ClusterState) -> list[str]:
    """The labels before the cluster's domain."""
    return name.removesuffix(f".{state.domain}.").split(".")


def place_pod(name: str, state: ClusterState) -> PodRef | None:
    """The pod that stands for a place outside, where the cluster has one."""
    found = (pod for pod in state.pods if pod.labels.get(PLACE) == name)
    return next(map(pod_ref, found), None)


def no_place(name: str) -> Reason:
    """Why flows with this place are skipped."""
    return Reason(code=ReasonCode.NO_EXTERNAL_ENDPOINT, subject=name)


def _service(
    target: Target, protocol: Protocol, peer: Peer, state: ClusterState, *, outside: bool
) -> Target:
    namespace, name = peer.via_namespace or peer.namespace, peer.via_service or peer.service
    service = state.service(namespace, name)
    if service is None:
        return replace(target, problem=_no_service(namespace, name, state))
    route = resolve_service(state, service, target.port, protocol)
    if problem := _nowhere(route, outside=outside):
        return replace(target, problem=problem)
    if route.external_name:
        return replace(target, name=_fqdn(namespace, name, state), resolved_at_source=True)
    if outside:
        backends = _backends(node_ports(state, route))
        nobody = Reason(code=ReasonCode.NO_ANSWERING_NODE, subject=str(route.service))
        return replace(target, backends=backends, problem=None if backends else nobody)
    return replace(
        target,
        name="" if peer.via_service else _fqdn(namespace, name, state),
        cluster_ips=tuple(map(str, route.service.addresses)),
        backends=_backends(route.backends),
    )


def _fqdn(namespace: str, service: str, state: ClusterState) -> str:
    return f"{service}.{namespace}.svc.{state.domain}."


def _nowhere(route: ServiceRoute, *, outside: bool) -> Reason | None:
    """Why a Service has no address that could be asked; None if it has."""
    why = route.problem or (not_from_outside(route.service, route.port) if outside else None)
    if why is None:
        return None
    return Reason(code=ReasonCode.NO_ROUTE, subject=str(route.service), because=why)


def _backends(found: Iterable[ServiceBackend]) -> tuple[Backend, ...]:
    return tuple(
        Backend(
            ip=str(one.address),
            port=one.port,
            pod=pod_ref(one.end) if isinstance(one.end, Pod) else None,
        )
        for one in found
        if one.address
    )


def _no_service(namespace: str, name: str, state: ClusterState) -> Reason:
    there = tuple(sorted(s.name for s in state.services if s.namespace == namespace))
    return Reason(code=ReasonCode.NO_SUCH_SERVICE, subject=f"{namespace}/{name}", names=there)
