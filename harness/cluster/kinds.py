"""Kinds by the words that people use for them: `deployment`, `application.argoproj.io`."""

from __future__ import annotations

from typing import Any

from harness.cluster.api_errors import ApiError
from harness.cluster.objects import BUILT_IN, Resource, resource_named
from harness.cluster.verbs import Verbs
from harness.errors import InputError


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


def _is_called(resource: Resource, kind: str) -> bool:
    return kind.lower() in (resource.kind.lower(), resource.plural)


def _served(connection: Verbs, group: str, kind: str) -> Resource | None:
    preferred = _get(connection, f"/apis/{group}").get("preferredVersion")
    if not preferred:
        return None
    version = str(preferred["version"])
    for row in _get(connection, f"/apis/{group}/{version}").get("resources") or ():
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
