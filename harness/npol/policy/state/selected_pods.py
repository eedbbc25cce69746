"""Which pods the selectors of a policy's peer select."""

from __future__ import annotations

from collections.abc import Iterator

from npol.policy.objects.entities import Namespace, Pod
from npol.policy.objects.netpol_types import PeerClause, Policy
from npol.policy.state.cluster_state import ClusterState


def selects_nothing(world: ClusterState, policy: Policy, peer: PeerClause) -> bool:
    """Whether a peer's selectors select no pod of this world."""
    if peer.ip_block is not None:
        return False
    return not any(True for _ in selected_pods(world, policy.namespace, peer))


def selected_pods(world: ClusterState, policy_namespace: str, peer: PeerClause) -> Iterator[Pod]:
    """The pods that a peer's selectors select now."""
    for namespace in namespaces_of(world, peer, policy_namespace):
        yield from world.select(namespace.name, peer.pod_selector or {})


def namespaces_of(
    world: ClusterState, peer: PeerClause, policy_namespace: str
) -> tuple[Namespace, ...]:
    """The namespaces whose pods a peer may select; of those not declared, the name is known."""
    if peer.namespace_selector is None:
        return (world.namespace(policy_namespace),)
    return world.select_namespaces(peer.namespace_selector)
