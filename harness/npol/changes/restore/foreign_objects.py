"""What is inside namespaces that a run made and that the run did not put there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.changes.state.compare import run_of
from npol.cni.other_policy_kinds import SHADOWS
from npol.kube.connection import Connection
from npol.kube.objects import Object, Ref, Resource
from npol.kube.resource_names import namespaced_kinds

BY_THE_CLUSTER = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ServiceAccount", "default"),
}
"""Objects that a controller puts into every namespace."""
LEFT_OUT = {
    "events",
    "events.events.k8s.io",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "controllerrevisions.apps",
    "csistoragecapacities.storage.k8s.io",
    "leases.coordination.k8s.io",
    "secrets",
}
"""Kinds that follow others or say nothing; Secrets are never read (least privilege)."""


LEAVE_WITHIN = 60.0
"""Seconds in which the garbage collector takes what its owners left behind."""
POLL = 0.2
KINDS_AT_ONCE = 24
"""Few of them have objects there, so that it is the way that takes the time."""


def foreign_objects(
    connection: Connection,
    namespaces: Collection[str],
    run_id: str,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, list[str]]:
    """
    By namespace: `Pod web-1`, one per object that neither the run nor anything of it made.

    Pods of a Deployment that was just deleted are on their way out: they are waited for. What is
    told rests on a look at all kinds that is made once nothing is waited for any more.

    Raises:
        ApiError: a group does not answer or a kind may not be listed, so nobody can say that
            a namespace is empty.
    """
    every = [k for k in namespaced_kinds(connection) if k.qualified not in LEFT_OUT]
    until = now() + LEAVE_WITHIN
    kinds, listed = every, dict[Resource, list[Object]]()
    while True:
        listed |= _listed(connection, kinds, namespaces)
        strangers = _strangers([obj for objects in listed.values() for obj in objects], run_id)
        leaving = [o for o in strangers if _is_leaving(connection, o)]
        if leaving and now() < until:
            sleep(POLL)
            waited_for = {(obj["apiVersion"], obj["kind"]) for obj in leaving}
            kinds = [kind for kind in every if (kind.api_version, kind.kind) in waited_for]
        elif kinds is not every:
            kinds = every  # others may have put something there while it was waited
        else:
            return _by_namespace(strangers, namespaces)


def _listed(
    connection: Connection, kinds: Sequence[Resource], namespaces: Collection[str]
) -> dict[Resource, list[Object]]:
    with ThreadPoolExecutor(max_workers=KINDS_AT_ONCE) as pool:
        found = pool.map(lambda kind: connection.list_in(kind, namespaces), kinds)
        return dict(zip(kinds, found, strict=True))


def _by_namespace(
    strangers: Iterable[Mapping[str, Any]], namespaces: Iterable[str]
) -> dict[str, list[str]]:
    inside: dict[str, list[str]] = {namespace: [] for namespace in namespaces}
    for obj in strangers:
        inside[obj["metadata"]["namespace"]].append(f"{obj['kind']} {obj['metadata']['name']}")
    return inside


def _is_leaving(connection: Connection, obj: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted, or will be because its owners are gone."""
    metadata = obj["metadata"]
    if metadata.get("deletionTimestamp"):
        return True
    owners = metadata.get("ownerReferences") or ()
    return bool(owners) and not any(_exists(connection, metadata, owner) for owner in owners)


def _exists(connection: Connection, metadata: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    resource = connection.resource(owner["apiVersion"], owner["kind"])
    place = metadata["namespace"] if resource.namespaced else ""
    found = connection.get(Ref(resource, place, owner["name"]))
    return found is not None and found["metadata"]["uid"] == owner["uid"]


def _strangers(found: Sequence[Object], run_id: str) -> list[Object]:
    """What neither the run nor anything of it made, nor the cluster itself."""
    return _not_owned(found, {o["metadata"]["uid"] for o in found if run_of(o) == run_id})


def _not_owned(found: Sequence[Object], known: set[str]) -> list[Object]:
    rest = [
        o
        for o in found
        if o["metadata"]["uid"] not in known
        and (o["kind"], o["metadata"]["name"]) not in BY_THE_CLUSTER
        and not o["metadata"]["name"].startswith(SHADOWS)
    ]
    owned = [o for o in rest if _owners(o) & known]
    if not owned:
        return rest
    return _not_owned(found, known | {o["metadata"]["uid"] for o in owned})


def _owners(obj: Mapping[str, Any]) -> set[str]:
    return {o["uid"] for o in obj["metadata"].get("ownerReferences") or ()}
