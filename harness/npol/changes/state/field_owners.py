"""
Who owned the labels that a run changed, by managedFields, and how they get them back. Pure.

Other fields of a pod or a namespace have their own owners, who write while the run lasts
(the kubelet does all the time), so what is given back is one label after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from npol.kube.objects import Object

MANAGER = "npol"
"""What the server calls the manager of fields that a PUT or PATCH of npol sets."""

Entry = Mapping[str, Any]
"""One entry of managedFields."""


def owners_of(obj: Mapping[str, Any], labels: Collection[str]) -> list[Object]:
    """The entries of managedFields that own one of these labels, with these labels alone."""
    found = [_only(entry, labels) for entry in obj["metadata"].get("managedFields") or ()]
    return [entry for entry in found if labels_in(entry)]


def given_back(obj: Mapping[str, Any], owners: Iterable[Entry]) -> list[Object] | None:
    """
    The managedFields of `obj` with labels of npol's given to those who owned them before.

    None where npol owns none of what was theirs, so that there is nothing to write.
    """
    fields = [dict(entry) for entry in obj["metadata"].get("managedFields") or ()]
    held = {label for entry in fields if _is_npols(entry) for label in labels_in(entry)}
    owed = [_only(entry, held) for entry in owners if not _is_npols(entry)]
    owed = [entry for entry in owed if labels_in(entry)]
    if not owed:
        return None
    given = {label for entry in owed for label in labels_in(entry)}
    fields = [_without(entry, given) if _is_npols(entry) else entry for entry in fields]
    for entry in owed:
        fields = _added(fields, entry)
    return [entry for entry in fields if entry["fieldsV1"]]


def labels_in(entry: Entry) -> list[str]:
    return [name[2:] for name in _labels(entry) if name.startswith("f:")]


def _labels(entry: Entry) -> Mapping[str, Any]:
    found = ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
    return dict(found)


def _only(entry: Entry, labels: Collection[str]) -> Object:
    kept = {name: value for name, value in _labels(entry).items() if name[2:] in labels}
    return {**entry, "fieldsV1": {"f:metadata": {"f:labels": kept}}}


def _without(entry: Entry, labels: Collection[str]) -> Object:
    kept = {name: value for name, value in _labels(entry).items() if name[2:] not in labels}
    return _with_labels(entry, {} if set(kept) <= {"."} else kept)


def _with_labels(entry: Entry, labels: Mapping[str, Any]) -> Object:
    fields = dict(entry.get("fieldsV1") or {})
    metadata = {k: v for k, v in (fields.pop("f:metadata", None) or {}).items() if k != "f:labels"}
    metadata |= {"f:labels": dict(labels)} if labels else {}
    return {**entry, "fieldsV1": fields | ({"f:metadata": metadata} if metadata else {})}


def _added(fields: list[Object], owed: Object) -> list[Object]:
    """With the labels of an owner added to its entry, or with the entry as it was."""
    if not any(_who(entry) == _who(owed) for entry in fields):
        return [*fields, owed]
    both = [
        _with_labels(entry, {**_labels(entry), **_labels(owed)})
        if _who(entry) == _who(owed)
        else entry
        for entry in fields
    ]
    return both


def _who(entry: Entry) -> tuple[Any, ...]:
    parts = ("manager", "operation", "apiVersion", "subresource")
    return tuple(entry.get(part) or "" for part in parts)


def _is_npols(entry: Entry) -> bool:
    return entry.get("manager") == MANAGER
