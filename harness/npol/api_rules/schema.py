"""
Which fields the API's types have, and how their lists and maps merge.

`types.txt` has a line for each type: `Name: field#number=type ...`. A type is a scalar,
another type's name, `[item]` or `{value}`. `@key,key` after a list says that items merge by
these keys (`@=`: a set of values); a leading `*` that a struct or map is replaced as a whole;
all other lists are, too. Between number and `=`: `?` a pointer, which may be absent and
may be empty; `!` always written, also when empty; `~` a strategic patch lists what stays.
The number is protobuf's; `2.4` is field 4 of what JSON shows inline.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from npol.api_rules.resources import ApiResource

SCALARS = frozenset(
    (
        "str",
        "int",
        "int32",
        "int64",
        "bool",
        "number",
        "time",
        "microtime",
        "bytes",
        "intstr",
        "quantity",
        "any",
    )
)
_FIELD = re.compile(r"([^#?!~=]+)(?:#([\d.]+))?([?!~]*)=(.*)")


@dataclass(frozen=True, slots=True)
class Scalar:
    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """`keys` of a list that merges item by item; the first is the strategic merge key."""

    item: Type
    keys: tuple[str, ...] = ()
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    value: Type
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A struct by its name, so that types may contain themselves."""

    name: str


@dataclass(frozen=True, slots=True)
class Struct:
    name: str
    fields: dict[str, Type]
    pointers: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    """Fields that are written although they are empty."""
    retains: frozenset[str] = frozenset()
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    atomic: bool = False
    open: bool = False
    """Whether unknown fields are kept (`x-kubernetes-preserve-unknown-fields`)."""


Type = Scalar | ListOf | MapOf | Named | Struct
ANY = Scalar("any")


@functools.cache
def structs() -> dict[str, Struct]:
    lines = resources.files(__package__).joinpath("types.txt").read_text().splitlines()
    return {s.name: s for s in map(_struct, lines)}


def _struct(line: str) -> Struct:
    name, _, rest = line.partition(":")
    fields: dict[str, Type] = {}
    numbers: dict[str, tuple[int, ...]] = {}
    flagged: dict[str, set[str]] = {"?": set(), "!": set(), "~": set()}
    for word in rest.split():
        found = _FIELD.fullmatch(word)
        assert found is not None, f"{name}: not a field: {word}"
        key, number, flags, spelled = found.groups()
        fields[key] = _type(spelled)
        if number:
            numbers[key] = tuple(int(n) for n in number.split("."))
        for flag in flags:
            flagged[flag].add(key)
    pointers, always, retains = (frozenset(flagged[f]) for f in "?!~")
    atomic = name.startswith("*")
    return Struct(name.lstrip("*"), fields, pointers, always, retains, numbers, atomic)


@functools.cache
def _type(spelled: str) -> Type:
    atomic, spelled = spelled.startswith("*"), spelled.lstrip("*")
    if spelled.startswith("["):
        inner, _, keys = spelled[1:].rpartition("]")
        if keys == "@=":
            return ListOf(_type(inner), is_set=True)
        return ListOf(_type(inner), tuple(keys[1:].split(",")) if keys else ())
    if spelled.startswith("{"):
        return MapOf(_type(spelled[1:-1]), atomic)
    return Scalar(spelled) if spelled in SCALARS else Named(spelled)


def resolved(type: Type) -> Scalar | ListOf | MapOf | Struct:
    return structs()[type.name] if isinstance(type, Named) else type


def type_of(resource: ApiResource) -> Struct:
    """
    The struct of a built-in kind; of a custom one all that is known is that it has metadata,
    see `custom_type`.
    """
    found = None if resource.custom else structs().get(resource.type or resource.kind)
    return found or UNKNOWN


_HEAD: dict[str, Type] = {
    "apiVersion": Scalar("str"),
    "kind": Scalar("str"),
    "metadata": Named("ObjectMeta"),
}
UNKNOWN = Struct("Unknown", _HEAD, open=True)


def from_json_schema(schema: dict[str, Any], name: str = "") -> Type:
    """A type from the structural schema of a CustomResourceDefinition."""
    if schema.get("x-kubernetes-int-or-string"):
        return Scalar("intstr")
    kind = schema.get("type")
    if kind == "array":
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        is_set = schema.get("x-kubernetes-list-type") == "set"
        return ListOf(from_json_schema(schema.get("items") or {}), keys, is_set)
    if kind == "object":
        return _object_type(schema, name)
    names = {"string": "str", "integer": "int", "boolean": "bool", "number": "number"}
    return Scalar(names.get(str(kind), "any"))


def _object_type(schema: dict[str, Any], name: str) -> Type:
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict) and "properties" not in schema:
        return MapOf(from_json_schema(extra), atomic)
    properties = {k: from_json_schema(v) for k, v in (schema.get("properties") or {}).items()}
    is_open = bool(schema.get("x-kubernetes-preserve-unknown-fields") or extra)
    if schema.get("x-kubernetes-embedded-resource"):
        properties = {**properties, **_HEAD}
    return Struct(name, properties, atomic=atomic, open=is_open)


def custom_type(schema: dict[str, Any], kind: str) -> Struct:
    """
    The type of a custom resource. Its own metadata is the API's, whatever the schema says.

    Custom resources keep what they are given: a field's absence and its emptiness differ.
    """
    found = from_json_schema({"type": "object", **schema}, kind)
    if not isinstance(found, Struct):
        return UNKNOWN
    return Struct(kind, {**found.fields, **_HEAD}, open=found.open)
