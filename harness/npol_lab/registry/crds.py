"""Custom resources: kinds that CustomResourceDefinitions bring. Their objects are data."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from npol_lab.registry import errors
from npol_lab.registry.errors import Cause, invalid_value, required
from npol_lab.registry.metadata import timestamp
from npol_lab.registry.schema import UNKNOWN, Struct, custom_type
from npol_lab.resources import Resource
from npol_lab.store import Obj

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


def default_definition(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    names.setdefault("singular", names.get("kind", "").lower())
    names.setdefault("listKind", f"{names.get('kind', '')}List")
    spec.setdefault("conversion", {"strategy": "None"})


def prepare(obj: Obj, now: datetime) -> None:
    """Its first status: names taken, served at once."""
    moment = timestamp(now)
    obj["status"] = {
        "acceptedNames": dict(obj["spec"]["names"]),
        "storedVersions": [
            v["name"] for v in obj["spec"].get("versions") or [] if v.get("storage")
        ],
        "conditions": [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", moment),
            _condition("Established", "InitialNamesAccepted", "", moment),
        ],
    }


def _condition(type: str, reason: str, message: str, now: str) -> Obj:
    words = message or "the initial names have been accepted"
    return {
        "type": type,
        "status": "True",
        "reason": reason,
        "message": words,
        "lastTransitionTime": now,
    }


def check_definition(obj: Obj) -> list[Cause]:
    spec, wrong = obj["spec"], []
    group, plural = spec.get("group", ""), spec["names"].get("plural", "")
    for field, value in (("group", group), ("scope", spec.get("scope"))):
        if not value:
            wrong.append(required(f"spec.{field}"))
    for field in ("plural", "kind"):
        if not spec["names"].get(field):
            wrong.append(required(f"spec.names.{field}"))
    if obj["metadata"].get("name") != f"{plural}.{group}":
        rule = 'must be spec.names.plural+"."+spec.group'
        wrong.append(invalid_value("metadata.name", obj["metadata"].get("name"), rule))
    if sum(1 for v in spec.get("versions") or [] if v.get("storage")) != 1:
        rule = "must have exactly one version marked as storage version"
        wrong.append(invalid_value("spec.versions", errors.Raw("[]"), rule))
    return wrong


def _stored(definition: Obj) -> Obj:
    versions: list[Obj] = definition["spec"]["versions"]
    return next(v for v in versions if v.get("storage"))


def _version(definition: Obj, name: str) -> Obj:
    versions: list[Obj] = definition["spec"]["versions"]
    return next(v for v in versions if v["name"] == name)


def resource_of(definition: Obj) -> Resource:
    """In the version in which its objects are kept."""
    return _resource(definition, _stored(definition))


def served_versions(definition: Obj) -> list[Resource]:
    kept = _stored(definition)["name"]
    return [
        replace(_resource(definition, v), stored="" if v["name"] == kept else kept)
        for v in definition["spec"]["versions"]
        if v.get("served")
    ]


def _resource(definition: Obj, version: Obj) -> Resource:
    spec, names = definition["spec"], definition["spec"]["names"]
    parts = version.get("subresources") or {}
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        singular=names.get("singular", ""),
        list_kind=names.get("listKind", ""),
        namespaced=spec.get("scope") == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(s for s in ("scale", "status") if s in parts),
        custom=True,
        deprecated=_deprecation(definition, version) if version.get("deprecated") else "",
    )


def _deprecation(definition: Obj, version: Obj) -> str:
    spec = definition["spec"]
    told: str = version.get("deprecationWarning", "")
    return told or f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"


def schema_of(definition: Obj, version: str) -> Obj:
    """The structural schema; empty when there is none."""
    return (_version(definition, version).get("schema") or {}).get("openAPIV3Schema") or {}


def type_of(definition: Obj, version: str) -> Struct:
    schema = schema_of(definition, version)
    return custom_type(schema, definition["spec"]["names"]["kind"]) if schema else UNKNOWN


def columns_of(definition: Obj, version: str) -> list[Obj]:
    return list(_version(definition, version).get("additionalPrinterColumns") or [])
