"""Reads the objects that a run looks at. What may not be read is left out, and said."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.errors import Refused
from npol.kube.api_client import Verbs
from npol.kube.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)
from npol.model.inventory import Inventory

_NAMESPACED = (PODS, SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES)
_WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
READERS = 12
"""Kinds listed at once."""


def read(
    connection: Verbs,
    namespaces: Collection[str],
    *,
    places: Iterable[str] = (),
    workloads: Collection[str] = (),
) -> Inventory:
    """
    The objects of these namespaces, and the pods that stand for these places outside.

    Args:
        places: values of the label `npol.dev/place`, looked for in all namespaces.
        workloads: namespaces in which Deployments and the like are read, too.

    Nodes are read where that is allowed, else left out.

    Raises:
        Refused: a right to read is missing, or the API server does not answer.
    """
    at_once = connection.are_most(set(namespaces))
    wanted = [(kind, set(namespaces)) for kind in _NAMESPACED]
    wanted += [(kind, set(workloads)) for kind in (*_WORKLOADS, REPLICA_SETS)]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        all_namespaces = pool.submit(connection.list, NAMESPACES)
        nodes = pool.submit(_optional, connection, NODES)
        pods = pool.submit(_places, connection, list(places))
        found = pool.map(lambda w: connection.list_in(*w, at_once=at_once), wanted)
        by_kind = {kind.kind: objects for (kind, _), objects in zip(wanted, found, strict=True)}
    known = {p["metadata"]["uid"] for p in by_kind.get("Pod", [])}
    outside = [p for p in pods.result() if p["metadata"]["uid"] not in known]
    return Inventory(
        namespaces=tuple(all_namespaces.result()),
        nodes=tuple(nodes.result()),
        pods=(*by_kind.get("Pod", ()), *outside),
        services=tuple(by_kind.get("Service", ())),
        slices=tuple(by_kind.get("EndpointSlice", ())),
        policies=tuple(by_kind.get("NetworkPolicy", ())),
        workloads=tuple(o for k in _WORKLOADS for o in by_kind.get(k.kind, ())),
        replica_sets=tuple(by_kind.get("ReplicaSet", ())),
    )


def read_selection(connection: Verbs, namespaces: Collection[str]) -> Inventory:
    """
    What policies select by, and the policies: all namespaces, pods, NetworkPolicies.

    Raises:
        Refused: as `read`.
    """
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        all_namespaces = pool.submit(connection.list, NAMESPACES)
        pods = pool.submit(connection.list_in, PODS, namespaces)
        policies = pool.submit(connection.list_in, NETWORK_POLICIES, namespaces)
        return Inventory(
            namespaces=tuple(all_namespaces.result()),
            pods=tuple(pods.result()),
            policies=tuple(policies.result()),
        )


def _optional(connection: Verbs, resource: Resource) -> list[dict[str, Any]]:
    try:
        return connection.list(resource)
    except Refused:
        return []


def _places(connection: Verbs, names: list[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    try:
        return connection.list(PODS, selector=f"npol.dev/place in ({','.join(sorted(names))})")
    except Refused:
        return []
