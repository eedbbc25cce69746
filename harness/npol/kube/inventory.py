"""Reads the objects that a run looks at. What may not be read is left out, and said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from npol.errors import Refused
from npol.kube.api_client import Verbs
from npol.kube.api_errors import Forbidden
from npol.kube.objects import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    JOBS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)
from npol.model.inventory import PLACE, Inventory, Obj

_SERVICES = (SERVICES, ENDPOINT_SLICES)
_WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
ALL_WORKLOADS = (*_WORKLOADS, REPLICA_SETS)
"""Which Deployment a pod is of, its ReplicaSet says."""
_TEMPLATES = (CRON_JOBS, JOBS, DEPLOYMENTS, STATEFUL_SETS)
READERS = 12
"""Kinds listed at once."""


def read(
    connection: Verbs,
    namespaces: Collection[str],
    *,
    places: Iterable[str] = (),
    workloads: Collection[str] = (),
    kinds: Collection[Resource] = ALL_WORKLOADS,
    nodes: Sequence[Obj] | None = None,
    services: bool = True,
) -> Inventory:
    """
    The objects of these namespaces, and the pods that stand for these places outside.

    Args:
        places: values of the label `PLACE`, looked for in all namespaces.
        workloads: namespaces in which Deployments and the like are read, too.
        kinds: of these.
        nodes: as they were read a moment ago; None: they are read where that is allowed, else
            left out.
        services: whether Services are read, and what is behind them.

    Raises:
        Refused: a right to read is missing, or the API server does not answer.
    """
    every = (*_SERVICES, NETWORK_POLICIES) if services else (NETWORK_POLICIES,)
    wanted = [(kind, set(namespaces)) for kind in every]
    wanted += [(kind, set(workloads)) for kind in ALL_WORKLOADS if kind in kinds]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        all_namespaces = pool.submit(connection.list, NAMESPACES)
        known_nodes = pool.submit(_optional, connection, NODES) if nodes is None else None
        if not connection.counted:
            all_namespaces.result()
        at_once = connection.are_most(set(namespaces))
        pods = pool.submit(_pods, connection, set(namespaces), sorted(places), at_once=at_once)
        found = pool.map(lambda w: connection.list_in(*w, at_once=at_once), wanted)
        by_kind = {kind.kind: objects for (kind, _), objects in zip(wanted, found, strict=True)}
    return Inventory(
        namespaces=tuple(all_namespaces.result()),
        nodes=tuple(nodes or () if known_nodes is None else known_nodes.result()),
        pods=tuple(pods.result()),
        services=tuple(by_kind.get("Service", ())),
        slices=tuple(by_kind.get("EndpointSlice", ())),
        policies=tuple(by_kind.get("NetworkPolicy", ())),
        workloads=tuple(o for k in _WORKLOADS for o in by_kind.get(k.kind, ())),
        replica_sets=tuple(by_kind.get("ReplicaSet", ())),
    )


def read_pods(
    connection: Verbs, namespaces: Collection[str], places: Iterable[str] = ()
) -> tuple[Obj, ...]:
    """The pods of these namespaces, and those that stand for these places outside."""
    at_once = connection.are_most(set(namespaces))
    return tuple(_pods(connection, set(namespaces), sorted(places), at_once=at_once))


def read_templates(connection: Verbs, namespaces: Collection[str]) -> tuple[Obj, ...]:
    """
    What may make pods that are not there now: CronJobs, Jobs, and workloads of no replicas, which
    stand here for one. Kinds that may not be read are left out.
    """
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        listed = pool.map(lambda kind: _templates(connection, kind, namespaces), _TEMPLATES)
        return tuple(obj for objects in listed for obj in objects)


def _templates(
    connection: Verbs, kind: Resource, namespaces: Collection[str]
) -> Iterator[dict[str, Any]]:
    try:
        found = connection.list_in(kind, namespaces)
    except Forbidden:
        return
    for obj in found:
        spec = obj.get("spec") or {}
        if kind in (CRON_JOBS, JOBS) or spec.get("replicas") == 0:
            stamp = {"apiVersion": kind.api_version, "kind": kind.kind}
            yield {**obj, **stamp, "spec": {**spec, "replicas": 1}}


def read_services(connection: Verbs, known: Inventory, namespaces: Collection[str]) -> Inventory:
    """What is known of these namespaces, with Services and what is behind them read anew."""
    with ThreadPoolExecutor(max_workers=len(_SERVICES)) as pool:
        services, slices = pool.map(lambda kind: connection.list_in(kind, namespaces), _SERVICES)
    return replace(known, services=tuple(services), slices=tuple(slices))


def _optional(connection: Verbs, resource: Resource) -> list[dict[str, Any]]:
    try:
        return connection.list(resource)
    except Refused:
        return []


def _pods(
    connection: Verbs, namespaces: Collection[str], places: Sequence[str], *, at_once: bool
) -> list[dict[str, Any]]:
    """Those of these namespaces, and those that stand for these places."""
    everywhere = connection.list_everywhere(PODS) if at_once else None
    if everywhere is not None:
        return [
            pod
            for pod in everywhere
            if pod["metadata"]["namespace"] in namespaces
            or (pod["metadata"].get("labels") or {}).get(PLACE) in places
        ]
    with ThreadPoolExecutor(max_workers=1) as pool:
        outside = pool.submit(_places, connection, places)
        inside = connection.list_in(PODS, namespaces, at_once=False)
        known = {pod["metadata"]["uid"] for pod in inside}
        return [*inside, *(pod for pod in outside.result() if pod["metadata"]["uid"] not in known)]


def _places(connection: Verbs, names: Sequence[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    try:
        return connection.list(PODS, selector=f"{PLACE} in ({','.join(names)})")
    except Refused:
        return []
