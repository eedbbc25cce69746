"""OpenAPI documents, written from the table of types when somebody asks."""

from __future__ import annotations

import functools
import hashlib
import time
from email.utils import formatdate
from typing import Any

from aiohttp import web

from npol.api_rules.resources import ApiResource
from npol.api_rules.schema import ListOf, MapOf, Named, Scalar, Struct, Type, structs
from npol_lab.api import openapi_protobuf
from npol_lab.api.discovery import VERSION
from npol_lab.api.responses import json_response
from npol_lab.registry import Registry
from npol_lab.registry.errors import StatusError, no_such_resource

Json = dict[str, Any]
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
SCALARS: dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer", "format": "int64"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "bool": {"type": "boolean"},
    "number": {"type": "number", "format": "double"},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "intstr": {"type": "string", "format": "int-or-string"},
    "quantity": {"type": "string"},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
}
STRATEGY = "x-kubernetes-patch-strategy"
YEAR = 365 * 24 * 3600.0
QUERY = ("dryRun", "fieldManager", "fieldValidation")


class OpenApi:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def serve(self, request: web.Request) -> web.Response:
        """
        Raises:
            StatusError: 404 for what is not there, 406 for protobuf.
        """
        accept = request.headers.get("Accept", "")
        path = request.path.removeprefix("/openapi/")
        wants_json = "json" in accept or "*/*" in accept or not accept
        if path == "v2" and not wants_json and any(a in accept for a in openapi_protobuf.ASKED_FOR):
            body = openapi_protobuf.encode(self._v2())
            return web.Response(body=body, content_type=openapi_protobuf.MEDIA_TYPE)
        if "protobuf" in accept and not wants_json:
            message = "only the following media types are accepted: application/json"
            raise StatusError(406, "NotAcceptable", message)
        if path == "v2":
            return json_response(self._v2())
        if path == "v3":
            return json_response({"paths": self._index()})
        found = self._of(path.removeprefix("v3/"))
        if not path.startswith("v3/") or not found:
            raise no_such_resource()
        response = json_response(self._v3(found))
        given = request.query.get("hash", "")
        if given and given == self._hash(path.removeprefix("v3/")):
            response.headers["Cache-Control"] = "public, immutable"
            response.headers["Expires"] = formatdate(time.time() + YEAR, usegmt=True)
            response.headers["Etag"] = f'"{given}"'
        return response

    def _of(self, path: str) -> list[ApiResource]:
        return [r for r in self._registry.catalogue.served() if _prefix(r) == path]

    def _index(self) -> Json:
        prefixes = {_prefix(r) for r in self._registry.catalogue.served()}
        return {
            p: {"serverRelativeURL": f"/openapi/v3/{p}?hash={self._hash(p)}"}
            for p in sorted(prefixes)
        }

    def _hash(self, prefix: str) -> str:
        names = repr([(r, self._registry.catalogue.type(r)) for r in self._of(prefix) if r.custom])
        return hashlib.sha256(f"{VERSION}{names}".encode()).hexdigest()[:32].upper()

    def _v3(self, found: list[ApiResource]) -> Json:
        return {
            "openapi": "3.0.0",
            "info": {"title": "npol lab", "version": VERSION},
            "paths": dict(p for r in found for p in _paths(r)),
            "components": {"schemas": self._schemas(found, "#/components/schemas/")},
        }

    def _v2(self) -> Json:
        found = self._registry.catalogue.served()
        paths = {}
        for resource in found:
            for path, operations in _paths(resource):
                paths[path] = {k: _swagger(v) for k, v in operations.items()}
        return {
            "swagger": "2.0",
            "info": {"title": "npol lab", "version": VERSION},
            "paths": paths,
            "definitions": self._schemas(found, "#/definitions/"),
        }

    def _schemas(self, found: list[ApiResource], where: str) -> Json:
        schemas: Json = {}
        for resource in found:
            type = self._registry.catalogue.type(resource)
            schema = _schema(type, where)
            schema["x-kubernetes-group-version-kind"] = [_kind(resource)]
            schemas[_name(resource)] = schema
            _collect(type, where, schemas)
        return schemas


def _prefix(resource: ApiResource) -> str:
    return f"apis/{resource.api_version}" if resource.group else "api/v1"


def _name(resource: ApiResource) -> str:
    if resource.custom:
        reverse = ".".join(reversed(resource.group.split(".")))
        return f"{reverse}.{resource.version}.{resource.kind}"
    group = resource.group.split(".")[0] or "core"
    return f"io.k8s.api.{group}.{resource.version}.{resource.kind}"


def _kind(resource: ApiResource) -> Json:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _paths(resource: ApiResource) -> list[tuple[str, Json]]:
    base = f"/{_prefix(resource)}"
    if resource.namespaced:
        base += "/namespaces/{namespace}"
    kind = {"x-kubernetes-group-version-kind": _kind(resource)}
    every = [{"name": q, "in": "query", "schema": {"type": "string"}} for q in QUERY]
    bodies = [p for p in PATCHES if not (resource.custom and "strategic" in p)]
    patch = {
        **kind,
        "x-kubernetes-action": "patch",
        "parameters": every,
        "requestBody": {"content": {p: {} for p in bodies}},
        "responses": {"200": {"description": "OK"}},
    }
    create = {
        **kind,
        "x-kubernetes-action": "post",
        "parameters": every,
        "responses": {"201": {"description": "Created"}},
    }
    paths = [(f"{base}/{resource.plural}", {"post": create})]
    if "patch" in resource.verbs:
        paths.append((f"{base}/{resource.plural}/{{name}}", {"patch": patch}))
    return paths


def _swagger(operation: Json) -> Json:
    """An operation in the words of version 2."""
    result = {k: v for k, v in operation.items() if k != "requestBody"}
    result["parameters"] = [
        {"name": p["name"], "in": "query", "type": "string"} for p in operation["parameters"]
    ]
    if "requestBody" in operation:
        result["consumes"] = list(operation["requestBody"]["content"])
    return result


def _collect(type: Type, where: str, schemas: Json) -> None:
    """Add the schemas of all named types below `type`."""
    if isinstance(type, ListOf):
        _collect(type.item, where, schemas)
    elif isinstance(type, MapOf):
        _collect(type.value, where, schemas)
    elif isinstance(type, Struct):
        for field in type.fields.values():
            _collect(field, where, schemas)
    elif isinstance(type, Named) and _full(type) not in schemas:
        struct = structs()[type.name]
        schemas[_full(type)] = _named_schema(type.name, where)
        _collect(struct, where, schemas)


@functools.cache
def _named_schema(name: str, where: str) -> Json:
    return _schema(structs()[name], where)


def _full(type: Named) -> str:
    package = "apimachinery.pkg.apis.meta" if type.name in META_TYPES else "api.core"
    return f"io.k8s.{package}.v1.{type.name}"


META_TYPES = frozenset(("ObjectMeta", "OwnerReference", "ManagedFieldsEntry", "LabelSelector"))


def _schema(type: Type, where: str) -> Json:
    if isinstance(type, Scalar):
        return dict(SCALARS[type.name])
    if isinstance(type, Named):
        return {"$ref": f"{where}{_full(type)}"}
    if isinstance(type, ListOf):
        return {"type": "array", "items": _schema(type.item, where), **_list_extensions(type)}
    if isinstance(type, MapOf):
        kind = {"x-kubernetes-map-type": "atomic"} if type.atomic else {}
        return {"type": "object", "additionalProperties": _schema(type.value, where), **kind}
    return _struct_schema(type, where)


def _list_extensions(type: ListOf) -> Json:
    if type.is_set:
        return {"x-kubernetes-list-type": "set", STRATEGY: "merge"}
    if not type.keys:
        return {"x-kubernetes-list-type": "atomic"}
    return {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": list(type.keys),
        "x-kubernetes-patch-merge-key": type.keys[0],
        STRATEGY: "merge",
    }


def _struct_schema(type: Struct, where: str) -> Json:
    properties: Json = {}
    for name, field in type.fields.items():
        schema = _schema(field, where)
        if name in type.retains:
            merge = [schema[STRATEGY]] if STRATEGY in schema else []
            schema = {**_wrapped(schema), STRATEGY: ",".join([*merge, "retainKeys"])}
        properties[name] = schema
    result: Json = {"type": "object", "properties": properties}
    if type.atomic:
        result["x-kubernetes-map-type"] = "atomic"
    if type.open:
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result


def _wrapped(schema: Json) -> Json:
    """A reference may have no neighbours in OpenAPI 3.0."""
    return {"allOf": [schema]} if "$ref" in schema else schema
