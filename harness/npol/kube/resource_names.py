"""Kinds by the words that people use for them: `deployment`, `application.argoproj.io`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.errors import InputError
from npol.kube.api_client import LISTS_AT_ONCE, Verbs
from npol.kube.api_errors import ApiError
from npol.kube.objects import BUILT_IN, Resource, resource_named


def resource_called(connection: Verbs, word: str) -> Resource:
    """
    The resource of KIND, or of KIND.GROUP in the version that the server prefers.

    Raises:
        InputError: no such built-in, or the cluster serves no such kind in that group.
    """
    kind, _, group = word.partition(".")
    if not group:
        return resource_named(kind)
    built_in = (r for r in BUILT_IN.values() if r.group == group and _is_called(r, kind))
    found = next(built_in, None) or _served(connection, group, kind)
    if found is None:
        raise InputError(
            f"the cluster serves no kind {kind} in the group {group}",
            hint="is its CustomResourceDefinition installed?",
        )
    return found


def namespaced_kinds(connection: Verbs) -> list[Resource]:
    """
    Every kind of object that may lie in a namespace of this cluster, by discovery.

    Each in one version, the one that the server prefers. What can only be read (metrics) is
    no object.

    Raises:
        ApiError: a group does not say what it serves.
    """
    groups = connection.raw("GET", "/apis").get("groups") or ()
    preferred = [("", "v1"), *((g["name"], g["preferredVersion"]["version"]) for g in groups)]
    with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
        served = pool.map(lambda group: connection.raw("GET", _path(*group)), preferred)
        return [
            Resource(group, version, row["name"], row["kind"])
            for (group, version), rows in zip(preferred, served, strict=True)
            for row in rows.get("resources") or ()
            if row.get("namespaced") and {"list", "delete"} <= set(row.get("verbs") or ())
        ]


def _path(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _is_called(resource: Resource, kind: str) -> bool:
    return kind.lower() in (resource.kind.lower(), resource.plural)


def _served(connection: Verbs, group: str, kind: str) -> Resource | None:
    preferred = _get(connection, f"/apis/{group}").get("preferredVersion")
    if not preferred:
        return None
    version = str(preferred["version"])
    for row in _get(connection, _path(group, version)).get("resources") or ():
        namespaced = bool(row.get("namespaced"))
        found = Resource(group, version, row["name"], row["kind"], namespaced)
        if "/" not in found.plural and _is_called(found, kind):
            return found
    return None


def _get(connection: Verbs, path: str) -> dict[str, Any]:
    try:
        return dict(connection.raw("GET", path))
    except ApiError as error:
        if error.status == 404:
            return {}
        raise
