"""
Sets of fields: what an object has, and what changed between two of them.

A path is a tuple of elements as `FieldsV1` spells them: `f:name` for a field, `k:{...}` for
the item of a keyed list, `v:...` for a value of a set. A set holds the paths of scalars, of
whatever is replaced as a whole, and of the items of keyed lists.
Source: KEP-555 and sigs.k8s.io/structured-merge-diff `typed/tofieldset.go`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from npol.api_rules.schema import ANY, ListOf, MapOf, Scalar, Struct, Type, resolved

Path = tuple[str, ...]
Fields = set[Path]
KEY_DEFAULTS = {"protocol": "TCP"}
"""Keys of list items that a client may leave out."""


def fields_of(type: Type, value: Any, path: Path = ()) -> Fields:
    found: Fields = set()
    _collect(resolved(type), value, path, found)
    return found


def _collect(type: Type, value: Any, path: Path, found: Fields) -> None:
    children = children_of(type, value)
    if children is None:
        found.add(path)
        return
    if not children and path:
        found.add(path)
    keyed = isinstance(type, ListOf)
    for element, (kind, child) in children.items():
        here = (*path, element)
        _collect(kind, child, here, found)
        if keyed:
            found.add(here)


def children_of(type: Type, value: Any) -> dict[str, tuple[Type, Any]] | None:
    """The parts that are owned one by one; None for what is owned as a whole."""
    if isinstance(value, dict) and isinstance(type, Struct) and not type.atomic:
        return {
            f"f:{k}": (resolved(type.fields.get(k, ANY)), v)
            for k, v in value.items()
            if k in type.fields or type.open
        }
    if isinstance(value, dict) and isinstance(type, MapOf) and not type.atomic:
        kind = resolved(type.value)
        return {f"f:{k}": (kind, v) for k, v in value.items()}
    if isinstance(value, dict) and type == ANY and value:
        return {f"f:{k}": (ANY, v) for k, v in value.items()}
    if isinstance(value, list) and isinstance(type, ListOf):
        return _items(type, value)
    return None


def _items(type: ListOf, value: list[Any]) -> dict[str, tuple[Type, Any]] | None:
    if type.is_set:
        return {f"v:{json.dumps(v)}": (Scalar("str"), v) for v in value}
    if not type.keys or not all(isinstance(item, dict) for item in value):
        return None
    kind = resolved(type.item)
    return {element_of(type, item): (kind, item) for item in value}


def element_of(type: ListOf, item: dict[str, Any]) -> str:
    keys = {k: item.get(k, KEY_DEFAULTS.get(k)) for k in sorted(type.keys)}
    present = {k: v for k, v in keys.items() if v is not None}
    return "k:" + json.dumps(present, separators=(",", ":"))


@dataclass(slots=True)
class Comparison:
    added: Fields = field(default_factory=set)
    modified: Fields = field(default_factory=set)
    removed: Fields = field(default_factory=set)

    @property
    def written(self) -> Fields:
        return self.added | self.modified


def _with_containers(type: Type, value: Any, path: Path, found: Fields) -> None:
    """All fields of something new, and the maps, lists and structs that hold them."""
    children = children_of(type, value)
    found.add(path)
    for element, (kind, child) in (children or {}).items():
        _with_containers(kind, child, (*path, element), found)


def _always(type: Type, element: str) -> bool:
    """Whether a struct has a field even when it is empty."""
    return isinstance(type, Struct) and element[2:] in type.always


def compare(type: Type, old: Any, new: Any) -> Comparison:
    result = Comparison()
    _compare(resolved(type), old, new, (), result)
    return result


def _compare(type: Type, old: Any, new: Any, path: Path, result: Comparison) -> None:
    if old == new:
        return
    before, after = children_of(type, old), children_of(type, new)
    if before is None or after is None:
        result.modified.add(path)
        return
    for element in before.keys() | after.keys():
        here = (*path, element)
        if element not in after:
            kind, child = before[element]
            result.removed |= fields_of(kind, child, here) | {here}
        elif element not in before:
            kind, child = after[element]
            found: Fields = set()
            _with_containers(kind, child, here, found)
            if _always(type, element) and children_of(kind, child):
                found.discard(here)
            result.added |= found
        else:
            kind, child = after[element]
            _compare(kind, before[element][1], child, here, result)


def encoded(fields: Fields) -> dict[str, Any]:
    """As `fieldsV1`."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _pruned(tree)


def _pruned(tree: dict[str, Any]) -> dict[str, Any]:
    """`.` is told only where something else stands beside it."""
    result = {}
    for element, node in tree.items():
        only_self = set(node) == {"."}
        result[element] = {} if only_self or element == "." else _pruned(node)
    return result


def decoded(tree: dict[str, Any], path: Path = ()) -> Fields:
    found: Fields = set()
    for element, node in tree.items():
        if element == ".":
            found.add(path)
        elif not node:
            found.add((*path, element))
        else:
            found |= decoded(node, (*path, element))
    return found


def spelled(path: Path) -> str:
    """As in conflicts: `.spec.ports[port=80,protocol="TCP"].targetPort`."""
    text = ""
    for element in path:
        kind, value = element[:2], element[2:]
        if kind == "f:":
            text += f".{value}"
        elif kind == "k:":
            keys = (f"{k}={json.dumps(v)}" for k, v in json.loads(value).items())
            text += f"[{','.join(keys)}]"
        else:
            text += f"[{value}]" if kind == "i:" else f"[={value}]"
    return text
