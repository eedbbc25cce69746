"""The verbs that take objects away: delete and deletecollection."""

from __future__ import annotations

from typing import Any, cast

from aiohttp import web

from npol.api_rules.field_errors import unsupported
from npol.api_rules.objects import Obj
from npol_lab.api.objects import Objects, bare
from npol_lab.api.request_context import Call
from npol_lab.api.responses import json_response, success
from npol_lab.registry import Registry, errors

RETURNS_DELETED = frozenset(
    (
        "pods",
        "services",
        "serviceaccounts",
        "persistentvolumeclaims",
        "persistentvolumes",
        "resourcequotas",
        "namespaces",
    )
)
"""Kinds whose deletion answers the object although it is gone (`ReturnDeletedObject`)."""


class Deletions:
    def __init__(self, registry: Registry, objects: Objects) -> None:
        self._registry = registry
        self._objects = objects

    async def one(self, call: Call) -> web.Response:
        options = await _options(call)
        deleted = self._delete(call, call.namespace, call.info.name, options)
        return self._deleted(call, deleted)

    def _delete(self, call: Call, namespace: str | None, name: str, options: Obj) -> Obj:
        preconditions = options.get("preconditions") or {}
        return self._registry.delete(
            call.resource.name,
            namespace,
            name,
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            grace=options.get("gracePeriodSeconds"),
            propagation=options.get("propagationPolicy") or "Background",
            dry_run=call.dry_run or "All" in (options.get("dryRun") or []),
        )

    def _deleted(self, call: Call, obj: Obj) -> web.Response:
        kind, metadata = call.resource, obj["metadata"]
        namespace = metadata.get("namespace")
        kept = self._registry.store.get(kind.name, namespace, metadata["name"])
        waits = kept is not None and "deletionTimestamp" in kept["metadata"]
        if waits or kind.name in RETURNS_DELETED:
            return self._objects.shown(call, obj)
        return json_response(success(kind.plural, kind.group, metadata["name"], metadata["uid"]))

    async def collection(self, call: Call) -> web.Response:
        options = await _options(call)
        gone = [
            self._delete(call, o["metadata"].get("namespace"), o["metadata"]["name"], options)
            for o in self._objects.selected(call)
        ]
        kind = call.resource
        return json_response(
            {
                "kind": kind.list_kind,
                "apiVersion": kind.api_version,
                "metadata": {"resourceVersion": str(self._registry.store.revision)},
                "items": [bare(o) for o in gone],
            }
        )


async def _options(call: Call) -> Obj:
    """From the body, or from the query as `curl -X DELETE` users give them."""
    body = (await call.body())[0] if call.request.can_read_body else None
    options: Obj = dict(cast(Any, body) or {})
    grace = call.number("gracePeriodSeconds")
    if grace is not None:
        options.setdefault("gracePeriodSeconds", grace)
    policy = call.request.query.get("propagationPolicy")
    if policy:
        options.setdefault("propagationPolicy", policy)
    if options.get("orphanDependents"):
        options.setdefault("propagationPolicy", "Orphan")
    known = ("Foreground", "Background", "Orphan")
    given = options.get("propagationPolicy")
    if given and given not in known:
        cause = unsupported("propagationPolicy", given, [*known, "nil"])
        raise errors.invalid_options("DeleteOptions", cause)
    return options
