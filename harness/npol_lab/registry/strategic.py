"""
Strategic merge patch: JSON merge patch that knows which lists merge, and by which key.

Directives: `$patch: replace|delete`, `$retainKeys`, `$setElementOrder/LIST`,
`$deleteFromPrimitiveList/LIST` (apimachinery `pkg/util/strategicpatch`).
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from typing import Any

from npol.api_rules.objects import copied
from npol.api_rules.schema import ANY, ListOf, MapOf, Struct, Type, resolved
from npol_lab.registry.errors import bad_request

PATCH, RETAIN = "$patch", "$retainKeys"
ORDER, DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"


def strategic_merge(original: Any, patch: dict[str, Any], type: Type) -> dict[str, Any]:
    """
    Raises:
        StatusError: 400 for a directive that is none, or an item without its merge key.
    """
    directive = patch.get(PATCH)
    if directive == "replace":
        return {k: copied(v) for k, v in patch.items() if k != PATCH}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"Unknown patch type: {directive}")
    result = dict(original) if isinstance(original, dict) else {}
    if RETAIN in patch:
        result = {k: v for k, v in result.items() if k in patch[RETAIN]}
    for key, value in patch.items():
        if key.startswith(DELETE):
            name = key.removeprefix(DELETE)
            result[name] = [v for v in result.get(name) or [] if v not in value]
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(result, key, value, _field(type, key), patch.get(ORDER + key))
    _order_untouched(result, patch, type)
    return result


def _field(type: Type, key: str) -> Type:
    kind = resolved(type)
    if isinstance(kind, Struct):
        return resolved(kind.fields.get(key, ANY))
    return resolved(kind.value) if isinstance(kind, MapOf) else ANY


def _merge_field(
    result: dict[str, Any], key: str, value: Any, type: Type, order: Sequence[Any] | None
) -> None:
    if value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        result[key] = strategic_merge(result.get(key), value, type)
    elif isinstance(value, list) and isinstance(type, ListOf) and (type.keys or type.is_set):
        result[key] = _merge_list(result.get(key) or [], value, type, order)
    else:
        result[key] = copied(value)


def _merge_list(
    original: list[Any], patch: list[Any], type: ListOf, order: Sequence[Any] | None
) -> list[Any]:
    if type.is_set:
        merged = [*original, *(v for v in patch if v not in original)]
        return _arranged(merged, original, order or patch, lambda v: v)
    key = type.keys[0]
    if any(isinstance(item, dict) and item.get(PATCH) == "replace" for item in patch):
        return [copied(i) for i in patch if i.get(PATCH) != "replace"]
    merged = list(original)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((i for i, o in enumerate(merged) if o.get(key) == item[key]), None)
        if item.get(PATCH) == "delete":
            merged = [o for o in merged if o.get(key) != item[key]]
        elif at is None:
            merged.append(strategic_merge({}, item, type.item))
        else:
            merged[at] = strategic_merge(merged[at], item, type.item)
    wanted = [o.get(key) for o in order or patch]
    return _arranged(merged, original, wanted, lambda item: item.get(key))


def _order_untouched(result: dict[str, Any], patch: dict[str, Any], type: Type) -> None:
    """Lists of which the patch tells the order and nothing else."""
    for name, order in patch.items():
        key = name.removeprefix(ORDER)
        field = _field(type, key)
        if not name.startswith(ORDER) or key in patch or key not in result:
            continue
        if isinstance(field, ListOf):
            result[key] = _merge_list(result[key], [], field, order)


def _arranged(merged: list[Any], live: list[Any], order: Sequence[Any], key_of: Any) -> list[Any]:
    """Items that `order` names in its order, the others where they stood among them."""
    by_key: dict[Hashable, Any] = {_hashable(key_of(i)): i for i in merged}
    was = {_hashable(key_of(item)): at for at, item in enumerate(live)}
    named = [k for k in map(_hashable, order) if k in by_key]
    others = [k for k in by_key if k not in set(named)]
    result: list[Any] = []
    while named and others:
        first, other = named[0], others[0]
        goes_first = first not in was or other not in was or was[first] < was[other]
        result.append(by_key[(named if goes_first else others).pop(0)])
    return result + [by_key[k] for k in (*named, *others)]


def _hashable(key: Any) -> Hashable:
    """A patch may hold anything where a text belongs; that it is refused comes later."""
    return ("json", json.dumps(key, sort_keys=True)) if isinstance(key, list | dict) else key
