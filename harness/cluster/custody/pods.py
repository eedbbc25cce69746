"""The debug pods of a run: owned by its Leases, so they can be told from all others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.cluster.api_errors import ApiError
from harness.cluster.connection import Connection
from harness.cluster.custody.content import run_of
from harness.cluster.failpoints import around
from harness.cluster.objects import DEPLOYMENTS, LEASES, PODS, Ref, Resource

POLL = 0.25


def delete_debug_pods(
    connection: Connection,
    namespaces: Iterable[str],
    run_id: str,
    *,
    within: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """
    Delete what of a run's debug pods is still there, and wait until it is gone.

    Returns what is not gone after `within` seconds, in words.
    """
    until = now() + within
    places = sorted(set(namespaces))
    asked: set[str] = set()
    while True:
        found = [pair for place in places for pair in _of_run(connection, place, run_id)]
        for kind, obj in found:
            if obj["metadata"]["uid"] not in asked:
                _delete(connection, kind, obj)
                asked.add(obj["metadata"]["uid"])
        if not found or now() + POLL >= until:
            return [
                f"debug pod {o['metadata']['namespace']}/{o['metadata']['name']} is still going"
                for _, o in found
            ]
        sleep(POLL)


def _of_run(
    connection: Connection, namespace: str, run_id: str
) -> list[tuple[Resource, Mapping[str, Any]]]:
    found: list[tuple[Resource, Mapping[str, Any]]] = []
    for kind in (PODS, DEPLOYMENTS):
        try:
            listed = connection.list(kind, namespace)
        except ApiError as error:
            if kind is DEPLOYMENTS and error.status == 403:
                continue  # whoever may not list them has not made any
            raise
        found += [(kind, obj) for obj in listed if run_of(obj) == run_id and _of_lease(obj)]
    return found


def _of_lease(obj: Mapping[str, Any]) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(owner.get("kind") == LEASES.kind for owner in owners)


def _delete(connection: Connection, kind: Resource, obj: Mapping[str, Any]) -> None:
    metadata = obj["metadata"]
    try:
        with around("debug-pod.delete"):
            connection.delete(
                Ref(kind, metadata["namespace"], metadata["name"]), uid=metadata["uid"], grace=1
            )
    except ApiError as error:
        if error.status != 409:
            raise
