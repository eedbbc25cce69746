"""
Who owned the fields that a run changed, by managedFields, and how they get them back. Pure.

Other fields of a pod, a namespace or a workload have their own owners, who write while the run
lasts (the kubelet does all the time), so what is given back is one field after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from npol.kube.objects import Object

MANAGER = "npol"
"""What the server calls the manager of fields that a PUT or PATCH of npol sets."""
LABELS = ("f:metadata", "f:labels")
SPEC = ("f:spec",)
"""Where fields stand in an entry."""
REPLICAS = "replicas"

Entry = Mapping[str, Any]
"""One entry of managedFields."""
Place = tuple[str, ...]


def owners_of(
    obj: Mapping[str, Any], names: Collection[str], place: Place = LABELS
) -> list[Object]:
    """The entries of managedFields that own one of these fields, with these fields alone."""
    found = [_only(entry, names, place) for entry in obj["metadata"].get("managedFields") or ()]
    return [entry for entry in found if names_in(entry, place)]


def given_back(obj: Mapping[str, Any], owners: Iterable[Entry]) -> list[Object] | None:
    """
    The managedFields of `obj` with labels of npol's given to those who owned them before.

    None where npol owns none of what was theirs, so that there is nothing to write.
    """
    fields = [dict(entry) for entry in obj["metadata"].get("managedFields") or ()]
    held = {label for entry in fields if _is_npols(entry) for label in names_in(entry, LABELS)}
    owed = [_only(entry, held, LABELS) for entry in owners if not _is_npols(entry)]
    owed = [entry for entry in owed if names_in(entry, LABELS)]
    if not owed:
        return None
    given = {label for entry in owed for label in names_in(entry, LABELS)}
    return _given(fields, given, owed, LABELS)


def replicas_given_back(obj: Mapping[str, Any], owners: Iterable[Entry]) -> list[Object] | None:
    """
    The same for the replicas of a workload: nobody's again where they were nobody's, as in a
    manifest that leaves them out. A server may forget the owner when it scales for the second time.
    """
    fields = [dict(entry) for entry in obj["metadata"].get("managedFields") or ()]
    holders = [entry for entry in fields if REPLICAS in names_in(entry, SPEC)]
    owed = [dict(entry) for entry in owners if not _is_npols(entry)]
    if not all(map(_is_npols, holders)) or not (holders or owed):
        return None
    return _given(fields, {REPLICAS}, owed, SPEC)


def names_in(entry: Entry, place: Place) -> list[str]:
    return [name[2:] for name in _fields(entry, place) if name.startswith("f:")]


def _given(
    fields: Iterable[Object], names: Collection[str], owed: Iterable[Object], place: Place
) -> list[Object]:
    """With these fields taken from npol, and added to the entries of their owners."""
    left = [_without(entry, names, place) if _is_npols(entry) else entry for entry in fields]
    for entry in owed:
        left = _added(left, entry, place)
    return [entry for entry in left if entry["fieldsV1"]]


def _fields(entry: Entry, place: Place) -> Mapping[str, Any]:
    found = entry.get("fieldsV1") or {}
    for name in place:
        found = found.get(name) or {}
    return dict(found)


def _only(entry: Entry, names: Collection[str], place: Place) -> Object:
    kept = {name: value for name, value in _fields(entry, place).items() if name[2:] in names}
    return {**entry, "fieldsV1": _nested(kept, place)}


def _nested(fields: Mapping[str, Any], place: Place) -> Object:
    nested = dict(fields)
    for name in reversed(place):
        nested = {name: nested}
    return nested


def _without(entry: Entry, names: Collection[str], place: Place) -> Object:
    kept = {name: value for name, value in _fields(entry, place).items() if name[2:] not in names}
    return {**entry, "fieldsV1": _put(entry["fieldsV1"], {} if set(kept) <= {"."} else kept, place)}


def _put(fields: Mapping[str, Any], inner: Mapping[str, Any], place: Place) -> Object:
    """With other fields in a place, which is left out once it is empty."""
    if not place:
        return dict(inner)
    name, *rest = place
    below = _put(fields.get(name) or {}, inner, tuple(rest))
    others = {key: value for key, value in fields.items() if key != name}
    return others | ({name: below} if below else {})


def _added(fields: list[Object], owed: Object, place: Place) -> list[Object]:
    """With the fields of an owner added to its entry, or with the entry as it was."""
    if not any(_who(entry) == _who(owed) for entry in fields):
        return [*fields, owed]
    added = _fields(owed, place)
    return [
        {**entry, "fieldsV1": _put(entry["fieldsV1"], {**_fields(entry, place), **added}, place)}
        if _who(entry) == _who(owed)
        else entry
        for entry in fields
    ]


def _who(entry: Entry) -> tuple[Any, ...]:
    parts = ("manager", "operation", "apiVersion", "subresource")
    return tuple(entry.get(part) or "" for part in parts)


def _is_npols(entry: Entry) -> bool:
    return entry.get("manager") == MANAGER
