"""Over which IP families packets go between two ends."""

from __future__ import annotations

from collections.abc import Iterable

from npol.model.story import Protocol
from npol.policy.objects.entities import End, ExternalEndpoint, Pod, Service
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.service_backends import resolve_service


def shared_families(
    state: ClusterState, source: End, target: End | Service, port: int, protocol: Protocol
) -> tuple[int, ...]:
    """Those that both ends have, IPv4 where none is known."""
    theirs: set[int] = {a.version for a in target.addresses} or {4}
    if isinstance(target, Service):
        theirs = _of_service(state, target, port, protocol)
    own: set[int] = {a.version for a in source.addresses}
    return tuple(sorted(theirs & own if theirs & own else theirs))


def spoken_families(
    state: ClusterState, source: End, target: End | Service, port: int, protocol: Protocol
) -> tuple[int, ...]:
    """The same, where a place without an address may be anywhere: it has those of the other end."""
    if isinstance(target, ExternalEndpoint) and not target.addresses:
        return pod_families([source] if isinstance(source, Pod) else [])
    if isinstance(source, ExternalEndpoint) and not source.addresses and isinstance(target, Pod):
        return pod_families([target])
    return shared_families(state, source, target, port, protocol)


def pod_families(pods: Iterable[Pod]) -> tuple[int, ...]:
    """Those that any of some pods has an address of, IPv4 where none is known."""
    return tuple(sorted({int(a.version) for pod in pods for a in pod.addresses} or {4}))


def _of_service(state: ClusterState, service: Service, port: int, protocol: Protocol) -> set[int]:
    """A headless Service's are its endpoints'."""
    if known := {int(a.version) for a in service.addresses} or set(service.families):
        return known
    backends = resolve_service(state, service, port, protocol).backends
    return {int(b.address.version) for b in backends if b.address} or {4}
