"""What is inside a namespace that a run made and that the run did not put there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.api_errors import ApiError
from harness.cluster.connection import Connection
from harness.cluster.custody.content import run_of
from harness.cluster.objects import BUILT_IN, Resource

BY_THE_CLUSTER = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ServiceAccount", "default"),
}
"""Objects that a controller puts into every namespace."""
LEFT_OUT = {"Event", "Endpoints", "EndpointSlice", "Lease", "Secret"}
"""Kinds that follow others or say nothing; Secrets are never read (least privilege)."""


def foreign_objects(connection: Connection, namespace: str, run_id: str) -> list[str]:
    """
    `Pod web-1`, one per object that neither the run nor anything of the run made.

    Raises:
        ApiError: a kind may not be listed, so nobody can say that the namespace is empty.
    """
    found = [obj for kind in _kinds() for obj in _listed(connection, kind, namespace)]
    known = {o["metadata"]["uid"] for o in found if run_of(o) == run_id}
    return [f"{o['kind']} {o['metadata']['name']}" for o in _strangers(found, known)]


def _kinds() -> Iterable[Resource]:
    return (r for r in BUILT_IN.values() if r.namespaced and r.kind not in LEFT_OUT)


def _listed(connection: Connection, kind: Resource, namespace: str) -> list[dict[str, Any]]:
    try:
        return connection.list(kind, namespace)
    except ApiError as error:
        if error.status == 404:  # this cluster does not serve the kind
            return []
        raise


def _strangers(found: list[dict[str, Any]], known: set[str]) -> list[Mapping[str, Any]]:
    rest: list[Mapping[str, Any]] = [
        o
        for o in found
        if o["metadata"]["uid"] not in known
        and (o["kind"], o["metadata"]["name"]) not in BY_THE_CLUSTER
    ]
    owned = [o for o in rest if _owners(o) & known]
    if not owned:
        return rest
    return _strangers(found, known | {o["metadata"]["uid"] for o in owned})


def _owners(obj: Mapping[str, Any]) -> set[str]:
    return {o["uid"] for o in obj["metadata"].get("ownerReferences") or ()}
