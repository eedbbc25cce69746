"""Kinds by the words that people use for them: `deployment`, `application.argoproj.io`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.errors import InputError
from npol.kube.api_client import JSON, LISTS_AT_ONCE, Verbs
from npol.kube.api_errors import ApiError
from npol.kube.objects import BUILT_IN, Resource, resource_named

ALL_AT_ONCE = ",".join(
    [
        *(
            f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            for version in ("v2", "v2beta1")
        ),
        JSON,
    ]
)
"""
Asks for everything that is served in one document. Servers before 1.27 answer with names of groups.
"""
NEEDED = {"list", "delete"}
"""Verbs of what is an object; what can only be read (metrics) is none."""


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

    Each in one version, the one that the server prefers.

    Raises:
        ApiError: a group does not say what it serves.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        core, others = pool.map(
            lambda path: connection.raw("GET", path, accept=ALL_AT_ONCE), ("/api", "/apis")
        )
    if core.get("kind") == others.get("kind") == "APIGroupDiscoveryList":
        return [kind for group in (*core["items"], *others["items"]) for kind in _kinds_of(group)]
    groups = others.get("groups") or ()
    preferred = [("", "v1"), *((g["name"], g["preferredVersion"]["version"]) for g in groups)]
    with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
        served = pool.map(lambda group: connection.raw("GET", _path(*group)), preferred)
        return [
            Resource(group, version, row["name"], row["kind"])
            for (group, version), rows in zip(preferred, served, strict=True)
            for row in rows.get("resources") or ()
            if row.get("namespaced") and set(row.get("verbs") or ()) >= NEEDED
        ]


def _kinds_of(group: dict[str, Any]) -> Iterator[Resource]:
    """The same of a group as it stands in the document that holds all groups."""
    name, version = group["metadata"].get("name") or "", group["versions"][0]
    if version.get("freshness") == "Stale":
        raise ApiError(f"the API group {name} does not say what it serves", status=503)
    for row in version.get("resources") or ():
        if row["scope"] == "Namespaced" and set(row.get("verbs") or ()) >= NEEDED:
            yield Resource(name, version["version"], row["resource"], row["responseKind"]["kind"])


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
