"""The cluster state out of what was read of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from npol.model.change import Manifest
from npol.model.inventory import Inventory, Obj
from npol.policy.parse.object_source import Given
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState


def cluster_state(
    inventory: Inventory,
    *,
    applied: Mapping[tuple[str, str], Manifest] | None = None,
    also: Iterable[Given] = (),
) -> ClusterState:
    """
    What an inventory says of a cluster: pods that run, none that a workload would still make.

    Args:
        applied: manifests of policies that stand for what was read of them: they have positions.
        also: further objects.
    """
    known = applied or {}
    policies: list[Given] = [
        known.get((p["metadata"].get("namespace", ""), p["metadata"]["name"])) or p
        for p in _typed(inventory.policies, "networking.k8s.io/v1", "NetworkPolicy")
    ]
    seen = ({**r, "spec": {"replicas": 0}} for r in inventory.replica_sets)  # its pods are listed
    return build(
        [
            *also,
            *_typed(inventory.namespaces, "v1", "Namespace"),
            *_typed(seen, "apps/v1", "ReplicaSet"),
            *_typed(inventory.pods, "v1", "Pod"),
            *_typed(inventory.services, "v1", "Service"),
            *_typed(inventory.slices, "discovery.k8s.io/v1", "EndpointSlice"),
            *_typed(inventory.nodes, "v1", "Node"),
            *policies,
        ]
    )


def _typed(objects: Iterable[Obj], api_version: str, kind: str) -> Iterator[Obj]:
    """The items of a list bear no kind of their own."""
    stamp = {"apiVersion": api_version, "kind": kind}
    return (obj if "kind" in obj else {**stamp, **obj} for obj in objects)
