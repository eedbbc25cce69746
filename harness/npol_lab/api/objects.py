"""The verbs on objects: get, list, create, update, patch and delete."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence, Set

from aiohttp import web

from npol.api_rules.field_errors import field_forbidden, required
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.api import selection, tables
from npol_lab.api.request_context import Call
from npol_lab.api.responses import META, Form, json_response, partial
from npol_lab.api.tables.column import Column
from npol_lab.registry import Registry, errors, versions
from npol_lab.registry.patches import PatchType

PATCHES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
FORMER = ("apps/v1beta1", "apps/v1beta2", "extensions/v1beta1")
"""Versions that the server knows and does not serve any more."""


class Objects:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, call: Call) -> web.Response:
        obj = self._registry.get(call.resource.name, call.namespace, call.info.name)
        return self.shown(call, obj)

    def shown(self, call: Call, obj: Obj, *, status: int = 200) -> web.Response:
        """An object in the form that the client accepts."""
        obj = versions.shown(call.resource, obj)
        return json_response(self._formed(call.resource, call.form, obj), status=status)

    def _formed(self, kind: ApiResource, form: Form, obj: Obj) -> Obj:
        if form.kind == "Table":
            return tables.table(self._columns(kind), [obj], obj["metadata"])
        if form.kind == "PartialObjectMetadata":
            return partial(obj)
        return obj

    def _columns(self, kind: ApiResource) -> Sequence[Column]:
        return tables.columns_of(kind, self._registry.catalogue.printer_columns(kind))

    def page(self, call: Call) -> web.Response:
        kind = call.resource
        chosen = self.selected(call)
        page, metadata = _paged(call, chosen, self._registry.store.revision)
        form = call.form
        if form.kind == "Table":
            include = call.request.query.get("includeObject", "Metadata")
            body = tables.table(self._columns(kind), page, metadata, include=include)
        elif form.kind:
            head = {"kind": "PartialObjectMetadataList", "apiVersion": META}
            body = {**head, "metadata": metadata, "items": [partial(o) for o in page]}
        else:
            body = {
                "kind": kind.list_kind,
                "apiVersion": kind.api_version,
                "metadata": metadata,
                "items": page if kind.custom else [bare(o) for o in page],
            }
        return json_response(body)

    def selected(self, call: Call) -> list[Obj]:
        kind, query = call.resource, call.request.query
        wanted = selection.parse(
            kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        objects = self._registry.store.list(kind.name, call.namespace)
        return [versions.shown(kind, o) for o in objects if wanted.holds(o)]

    async def create(self, call: Call) -> web.Response:
        obj = await self._decoded(call)
        _check_namespace(call, obj)
        created = self._registry.create(
            call.resource.name,
            obj,
            manager=call.manager,
            dry_run=call.dry_run,
            warnings=call.warnings,
        )
        return self.shown(call, created, status=201)

    async def update(self, call: Call) -> web.Response:
        obj = await self._decoded(call)
        _check_namespace(call, obj)
        name = obj["metadata"].setdefault("name", call.info.name)
        if name != call.info.name:
            raise errors.bad_request(
                f"the name of the object ({name}) does not match the name on the URL "
                f"({call.info.name})"
            )
        updated = self._registry.update(
            call.resource.name,
            obj,
            subresource=call.info.subresource,
            manager=call.manager,
            dry_run=call.dry_run,
            warnings=call.warnings,
        )
        return self.shown(call, updated)

    async def _decoded(self, call: Call) -> Obj:
        """The body as an object of the kind that the path names, strictly where asked."""
        body, twice = await call.body()
        kind = call.resource
        if not isinstance(body, dict):
            raise errors.bad_request("the object provided is unrecognized (must be of type JSON)")
        known: dict[str, set[str]] = {}
        for resource in self._registry.catalogue.served():
            known.setdefault(resource.api_version, set()).add(resource.kind)
        _check_kind(kind, body, known)
        decoded, unknown = self._registry.catalogue.decode(kind, body)
        self._report(call, [f'unknown field "{p}"' for p in unknown], twice)
        decoded.setdefault("metadata", {})
        return self._stored(kind, decoded)

    def _stored(self, asked: ApiResource, obj: Obj) -> Obj:
        return versions.stored(self._registry.resource(asked.name), asked, obj)

    def _report(self, call: Call, unknown: Sequence[str], twice: Sequence[str]) -> None:
        found = [*(f'duplicate field "{p}"' for p in twice), *unknown]
        validation = call.validation
        if not found or validation == "Ignore":
            return
        if validation == "Strict":
            joined = ", ".join(found)
            raise errors.undecodable(call.resource, f"strict decoding error: {joined}")
        call.warnings += found

    async def patch(self, call: Call) -> web.Response:
        kind, info = call.resource, call.info
        type = PATCHES.get(call.request.content_type)
        if type is None:
            raise errors.StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
        if kind.custom and type == "strategic":
            known = [p for p in PATCHES if not (kind.custom and "strategic" in p)]
            raise errors.unsupported_media(known)
        body, twice = await call.body()
        self._report(call, [], twice)
        _check_patch_options(call, type)
        if isinstance(body, dict):
            body = self._stored(kind, body)
        namespace = call.namespace if kind.namespaced else None
        is_new = self._registry.store.get(kind.name, namespace, info.name) is None
        patched = self._registry.patch(
            kind.name,
            namespace,
            info.name,
            body,
            type=type,
            subresource=info.subresource,
            manager=call.manager,
            force=call.flag("force"),
            dry_run=call.dry_run,
            validation=call.validation,
            warnings=call.warnings,
        )
        return self.shown(call, patched, status=201 if is_new else 200)


def bare(obj: Obj) -> Obj:
    """Items of a list do not repeat their kind."""
    return {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}


def _paged(call: Call, objects: list[Obj], revision: int) -> tuple[list[Obj], Obj]:
    """The page that `limit` and `continue` ask for, and the list's metadata."""
    limit, token = call.number("limit") or 0, call.request.query.get("continue", "")
    if token:
        start = _start_of(token)
        objects = [o for o in objects if _key(o) > start]
    metadata: Obj = {"resourceVersion": str(revision)}
    if not limit or len(objects) <= limit:
        return objects, metadata
    page = objects[:limit]
    last = json.dumps({"v": "meta.k8s.io/v1", "start": list(_key(page[-1]))})
    metadata["continue"] = base64.urlsafe_b64encode(last.encode()).decode()
    metadata["remainingItemCount"] = len(objects) - limit
    return page, metadata


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _start_of(token: str) -> tuple[str, str]:
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))["start"]
    except (ValueError, KeyError, TypeError) as wrong:
        raise errors.bad_request("continue key is not valid") from wrong
    return namespace, name


def _check_kind(kind: ApiResource, body: Obj, known: Mapping[str, Set[str]]) -> None:
    version, name = body.get("apiVersion"), body.get("kind")
    if kind.custom and not (version and name):
        missing = "Kind" if not name else "apiVersion"
        shown = json.dumps(body)
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): Object "
            f"'{missing}' is missing in '{shown}' ({shown[:30]} ...)"
        )
    unknown = version not in (*known, *FORMER)
    if version and (unknown or (version == kind.api_version and name not in known[version])):
        scheme = 'in scheme "pkg/runtime/scheme.go:110"'
        raise errors.bad_request(
            f'{name} in version "{version.split("/")[-1]}" cannot be handled as a {kind.kind}: '
            f'no kind "{name}" is registered for version "{version}" {scheme}'
        )
    if version and version != kind.api_version:
        raise errors.bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({kind.api_version})"
        )
    if name and name != kind.kind:
        raise errors.bad_request(
            f'{name} in version "{kind.version}" cannot be handled as a {kind.kind}: '
            f"converting ({kind.version}.{name}) to ({kind.version}.{kind.kind}): "
            "unknown conversion"
        )


def _check_namespace(call: Call, obj: Obj) -> None:
    if not call.resource.namespaced:
        return
    metadata = obj["metadata"]
    given = metadata.setdefault("namespace", call.info.namespace or "default")
    if call.info.namespace and given != call.info.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_patch_options(call: Call, type: PatchType) -> None:
    if type == "apply" and not call.request.query.get("fieldManager"):
        cause = required("fieldManager", "is required for apply patch")
        raise errors.invalid_options("PatchOptions", cause)
    if type != "apply" and "force" in call.request.query:
        cause = field_forbidden("force", "may not be specified for non-apply patch")
        raise errors.invalid_options("PatchOptions", cause)
