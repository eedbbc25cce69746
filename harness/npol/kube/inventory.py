"""Reads the objects that a run looks at. What may not be read is left out, and said."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.errors import Refused
from npol.kube.connection import Connection
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
READERS = 4
"""Lists asked at once."""


def read(
    connection: Connection,
    namespaces: Iterable[str],
    *,
    places: Iterable[str] = (),
    workloads: Iterable[str] = (),
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
    wanted = [(kind, name) for name in sorted(set(namespaces)) for kind in _NAMESPACED]
    also = (*_WORKLOADS, REPLICA_SETS)
    wanted += [(kind, name) for name in sorted(set(workloads)) for kind in also]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        all_namespaces = pool.submit(connection.list, NAMESPACES)
        nodes = pool.submit(_optional, connection, NODES)
        found = list(pool.map(lambda w: connection.list(*w), wanted))
        pods = pool.submit(_places, connection, list(places))
    by_kind: dict[str, list[Any]] = {}
    for (kind, _), objects in zip(wanted, found, strict=True):
        by_kind.setdefault(kind.kind, []).extend(objects)
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


def read_selection(
    connection: Connection, namespaces: Iterable[str], *, without_policies: Collection[str] = ()
) -> Inventory:
    """
    What policies select by, and the policies: namespaces, pods, NetworkPolicies.

    `without_policies`: namespaces whose policies are not read.

    Raises:
        Refused: as `read`.
    """
    names = sorted(set(namespaces))
    own = [name for name in names if name not in without_policies]
    wanted = [(PODS, n) for n in names] + [(NETWORK_POLICIES, n) for n in own]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        all_namespaces = pool.submit(connection.list, NAMESPACES)
        found = list(pool.map(lambda w: connection.list(*w), wanted))
    return Inventory(
        namespaces=tuple(all_namespaces.result()),
        pods=tuple(o for objects in found[: len(names)] for o in objects),
        policies=tuple(o for objects in found[len(names) :] for o in objects),
    )


def _optional(connection: Connection, resource: Resource) -> list[dict[str, Any]]:
    try:
        return connection.list(resource)
    except Refused:
        return []


def _places(connection: Connection, names: list[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    try:
        return connection.list(PODS, selector=f"npol.dev/place in ({','.join(sorted(names))})")
    except Refused:
        return []
