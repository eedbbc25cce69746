"""
What Cilium takes an end of a path for: the labels of its identity, as one node sees them.

Source: cilium/cilium v1.20.2 pkg/policy/api/entity.go and pkg/ipcache/metadata.go (resolveLabels).
"""

from __future__ import annotations

from npol.policy.evaluate.service_routing import ANOTHER_NODE
from npol.policy.objects import cilium_labels
from npol.policy.objects.cilium_labels import reserved
from npol.policy.objects.entities import OWN_NODE, End, Node, Pod
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels

_API_SERVER = ("default", "kubernetes")
_INSIDE = ("host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")
_CLUSTER = frozenset({*(f"reserved:{word}" for word in _INSIDE), f"k8s:{cilium_labels.CLUSTER}"})


def identities(world: ClusterState, end: End, seen_from: Pod) -> tuple[Labels, ...]:
    """What an end may be to the node that `seen_from` runs on; more than one: not known which."""
    if isinstance(end, Pod) and not end.host_network:
        return (world.identity_of(end),)
    if isinstance(end, Pod | Node):
        return tuple(
            reserved(word, *more)
            for word in _host_or_remote(end, seen_from)
            for more in _api_server(world, end)
        )
    return tuple(reserved("world", *more) for more in _api_server(world, end))


def _host_or_remote(end: Pod | Node, seen_from: Pod) -> tuple[str, ...]:
    if end is ANOTHER_NODE:
        return ("remote-node",)
    node = end.node if isinstance(end, Pod) else end.name
    if node == OWN_NODE:
        return ("host",)
    if not node or not seen_from.node:
        return ("host", "remote-node")
    return ("host",) if node == seen_from.node else ("remote-node",)


def _api_server(world: ClusterState, end: End) -> tuple[tuple[str, ...], ...]:
    """Whether it is where the API server answers: what the Service `kubernetes` leads to."""
    known = {endpoint.address for endpoint in world.endpoints_of(*_API_SERVER)}
    if known:
        return (("kube-apiserver",),) if known & set(end.addresses) else ((),)
    if (isinstance(end, Node) and end.control_plane) or str(end) == "@apiserver":
        return (), ("kube-apiserver",)
    return ((),)


def knows_api_server(world: ClusterState) -> bool:
    return bool(world.endpoints_of(*_API_SERVER))


def is_of_entity(entity: str, labels: Labels) -> bool:
    if entity == "all":
        return True
    if entity in ("cluster", "cluster-mesh"):
        return bool(_CLUSTER & labels.keys())
    return f"reserved:{entity}" in labels
