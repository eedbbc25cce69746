"""Custom resources: kinds that CustomResourceDefinitions bring. Their objects are data."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol.api_rules.schema import UNKNOWN, Struct, custom_type
from npol_lab.registry.metadata import timestamp


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


def _stored(definition: Obj) -> Obj:
    versions: list[Obj] = definition["spec"]["versions"]
    return next(v for v in versions if v.get("storage"))


def _version(definition: Obj, name: str) -> Obj:
    """The stored one where it has none of this name: another group shows its objects."""
    versions: list[Obj] = definition["spec"]["versions"]
    return next((v for v in versions if v["name"] == name), None) or _stored(definition)


def resource_of(definition: Obj) -> ApiResource:
    """In the version in which its objects are kept."""
    return _resource(definition, _stored(definition))


def served_versions(definition: Obj) -> list[ApiResource]:
    kept = _stored(definition)["name"]
    return [
        replace(_resource(definition, v), stored="" if v["name"] == kept else kept)
        for v in definition["spec"]["versions"]
        if v.get("served")
    ]


def _resource(definition: Obj, version: Obj) -> ApiResource:
    spec, names = definition["spec"], definition["spec"]["names"]
    parts = version.get("subresources") or {}
    return ApiResource(
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
