"""Merging an applied configuration into an object, and pruning what was given up."""

from __future__ import annotations

from typing import Any

from npol.api_rules.field_errors import go_text
from npol.api_rules.objects import Obj, copied
from npol.api_rules.schema import ANY, ListOf, MapOf, Scalar, Struct, Type, resolved
from npol_lab.registry.errors import StatusError
from npol_lab.registry.fieldsets import Fields, Path, children_of, element_of, spelled


def merged(type: Type, live: Any, applied: Any) -> Any:
    """`live` with everything that `applied` says; keyed lists merge item by item."""
    kind = resolved(type)
    if live is None or children_of(kind, applied) is None or children_of(kind, live) is None:
        return copied(applied)
    if isinstance(applied, dict):
        result = dict(live)
        for key, value in applied.items():
            result[key] = merged(_field(kind, key), live.get(key), value)
        return result
    assert isinstance(kind, ListOf), "only lists and maps have children"
    if kind.is_set:
        return interleaved(live, applied)
    return _merged_items(kind, live, applied)


def _field(type: Type, key: str) -> Type:
    if isinstance(type, Struct):
        return type.fields.get(key, ANY)
    return type.value if isinstance(type, MapOf) else ANY


def _merged_items(type: ListOf, live: list[Any], applied: list[Any]) -> list[Any]:
    items = {element_of(type, item): item for item in live}
    for item in applied:
        element = element_of(type, item)
        items[element] = merged(type.item, items.get(element), item)
    was, wanted = ([element_of(type, item) for item in side] for side in (live, applied))
    return [items[element] for element in interleaved(was, wanted)]


def interleaved(live: list[Any], applied: list[Any]) -> list[Any]:
    """The applied order, with what only the live list has where it stood before."""
    result: list[Any] = []
    rest = list(applied)
    for key in live:
        while key in rest and key not in result:
            result.append(rest.pop(0))
        if key not in applied:
            result.append(key)
    return result + rest


def without(type: Type, value: Any, gone: Fields, others: Fields, path: Path = ()) -> Any:
    """
    `value` without the fields in `gone`, and without the containers that this empties.

    What is in `others` stays, wherever it is, and so does what holds it.
    """
    kind = resolved(type)
    children = children_of(kind, value)
    if children is None or not _below(path, gone):
        return value
    left = {
        element: kept
        for element, (inner, child) in children.items()
        if (kept := _left(inner, child, gone, others, (*path, element))) is not None
    }
    if isinstance(value, dict):
        return {element[2:]: kept for element, kept in left.items()}
    return list(left.values())


def _left(type: Type, value: Any, gone: Fields, others: Fields, path: Path) -> Any:
    """None for what is gone altogether."""
    if path in gone and not _below(path, others):
        return None
    kept = without(type, value, gone, others, path)
    return None if kept in ({}, []) and value not in ({}, []) else kept


def _below(path: Path, fields: Fields) -> bool:
    return any(f[: len(path)] == path for f in fields)


def check(type: Type, obj: Obj, called: str) -> None:
    """
    Raises:
        StatusError: 500, as the server answers for a configuration that has unknown fields,
            values of another type or two items with one key.
    """
    wrong: list[str] = []
    _check(resolved(type), obj, (), wrong)
    if wrong:
        lines = wrong[0] if len(wrong) == 1 else "errors:\n" + "\n".join(f"  {w}" for w in wrong)
        message = f"failed to create typed patch object ({called}): {lines}"
        raise StatusError(500, "", message)


def _check(type: Type, value: Any, path: Path, wrong: list[str]) -> None:
    if value is None or type == ANY:
        return
    if isinstance(type, Struct) and isinstance(value, dict):
        for key, inner in sorted(value.items()):
            here = (*path, f"f:{key}")
            if key not in type.fields and not type.open:
                wrong.append(f"{spelled(here)}: field not declared in schema")
                return  # the real one looks no further in this map, either
            _check(resolved(type.fields.get(key, ANY)), inner, here, wrong)
    elif isinstance(type, MapOf) and isinstance(value, dict):
        for key, inner in sorted(value.items()):
            _check(resolved(type.value), inner, (*path, f"f:{key}"), wrong)
    elif isinstance(type, ListOf) and isinstance(value, list):
        _check_items(type, value, path, wrong)
    else:
        expected = _expected(type, value)
        if expected:
            wrong.append(f"{spelled(path)}: expected {expected}, got &{{{go_text(value)}}}")


def _check_items(type: ListOf, value: list[Any], path: Path, wrong: list[str]) -> None:
    seen: set[str] = set()
    for i, item in enumerate(value):
        element = f"i:{i}"
        if type.keys and isinstance(item, dict):
            element = element_of(type, item)
            if element in seen:
                key = spelled((element,))
                wrong.append(f"{spelled(path)}: duplicate entries for key {key}")
            seen.add(element)
        _check(resolved(type.item), item, (*path, element), wrong)


def _expected(type: Type, value: Any) -> str:
    if isinstance(type, Struct | MapOf):
        return "map"
    if isinstance(type, ListOf):
        return "list"
    assert isinstance(type, Scalar), "all types are known"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if type.name in ("int", "int32", "int64", "number"):
        return "" if number else "numeric (int or float)"
    if type.name == "bool":
        return "" if isinstance(value, bool) else "boolean"
    if type.name in ("intstr", "quantity"):
        return "" if number or isinstance(value, str) else "string"
    return "" if isinstance(value, str) else "string"


def without_nulls(value: Any) -> Any:
    """A null in a configuration says nothing."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value
