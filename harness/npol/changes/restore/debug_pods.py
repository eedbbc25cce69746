"""
The debug pods of a run: owned by its Leases, and in the state namespace by its journal, so they
can be told from all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from npol.changes.failpoints import around
from npol.changes.journal_types import CLUSTER
from npol.changes.state.compare import run_of
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import CONFIG_MAPS, DEPLOYMENTS, LEASES, PODS, Object, Ref, Resource

POLL = 0.25
FORCE_AFTER = 10.0
"""
Seconds after which a pod that was deleted counts as one whose node is lost. They end within
one when their kubelet lives; without it they stay until the node comes back, or for ever.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionResult:
    """What became of a run's debug pods, in words."""

    terminating: tuple[str, ...] = ()
    """Not gone in time."""
    forced: tuple[str, ...] = ()
    """Gone without their node's word."""


def delete_debug_pods(
    connection: Connection,
    namespaces: Iterable[str],
    run_id: str,
    *,
    within: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DeletionResult:
    """
    Delete what of a run's debug pods is still there, and wait until it is gone: in these
    namespaces and in the state namespace.

    What its node does not end in time is deleted by force, by its uid and nothing else.
    """
    until = now() + within
    places = sorted({*namespaces, STATE_NAMESPACE} - {CLUSTER})
    asked: dict[str, float] = {}
    forced: dict[str, str] = {}
    while True:
        found = _of_run(connection, places, run_id)
        for kind, obj in found:
            uid = obj["metadata"]["uid"]
            if uid not in asked:
                asked[uid] = now()
                _delete(connection, kind, obj, grace=1)
            elif kind is PODS and uid not in forced and now() - asked[uid] >= FORCE_AFTER:
                forced[uid] = _lost(obj)
                _delete(connection, kind, obj, grace=0)
        if not found or now() + POLL >= until:
            terminating = tuple(f"debug pod {_name(obj)} is still terminating" for _, obj in found)
            return DeletionResult(terminating=terminating, forced=tuple(forced.values()))
        sleep(POLL)


def _lost(pod: Mapping[str, Any]) -> str:
    node = (pod.get("spec") or {}).get("nodeName", "")
    return f"debug pod {_name(pod)} was deleted by force: node {node} did not say that it ended"


def _name(obj: Mapping[str, Any]) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _of_run(
    connection: Connection, namespaces: Collection[str], run_id: str
) -> list[tuple[Resource, Mapping[str, Any]]]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        deployments = pool.submit(_deployments, connection, namespaces)
        found = [(PODS, pod) for pod in connection.list_in(PODS, namespaces)]
        found += [(DEPLOYMENTS, deployment) for deployment in deployments.result()]
    return [(kind, obj) for kind, obj in found if run_of(obj) == run_id and _is_owned(obj)]


def _deployments(connection: Connection, namespaces: Collection[str]) -> list[Object]:
    try:
        return connection.list_in(DEPLOYMENTS, namespaces)
    except ApiError as error:
        if error.status == 403:
            return []  # whoever may not list them has not made any
        raise


def _is_owned(obj: Mapping[str, Any]) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(owner.get("kind") in (LEASES.kind, CONFIG_MAPS.kind) for owner in owners)


def _delete(connection: Connection, kind: Resource, obj: Mapping[str, Any], *, grace: int) -> None:
    metadata = obj["metadata"]
    try:
        with around("debug-pod.delete"):
            connection.delete(
                Ref(kind, metadata["namespace"], metadata["name"]),
                uid=metadata["uid"],
                grace=grace,
            )
    except ApiError as error:
        if error.status != 409:
            raise
