"""
Who owns which fields: `metadata.managedFields`, kept by every write.

Source: KEP-555 and structured-merge-diff `merge/update.go`. An Update takes what it changes
from whoever had it; an Apply must not change what others own, unless it is forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from npol.api_rules.objects import Obj
from npol.api_rules.schema import Type
from npol_lab.registry import apply_merge
from npol_lab.registry.errors import StatusError
from npol_lab.registry.fieldsets import Fields, compare, decoded, encoded, fields_of, spelled

APPLY, UPDATE = "Apply", "Update"
UNOWNED = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)]
    + [
        ("f:metadata", f"f:{key}")
        for key in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "generation",
            "managedFields",
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        )
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Manager:
    """An applier is one manager whatever version it writes; updaters are kept apart by it."""

    operation: str
    name: str
    subresource: str = ""
    version: str = ""

    def __str__(self) -> str:
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.version}" if self.operation == UPDATE else text


@dataclass(slots=True)
class Owned:
    fields: Fields
    time: str
    version: str


Managers = dict[Manager, Owned]


def read(obj: Obj) -> Managers:
    managers: Managers = {}
    for entry in obj["metadata"].get("managedFields") or []:
        if not entry.get("manager"):
            continue
        version = entry.get("apiVersion", "")
        operation = entry.get("operation", UPDATE)
        manager = Manager(
            operation,
            entry["manager"],
            entry.get("subresource", ""),
            version if operation == UPDATE else "",
        )
        fields = decoded(entry.get("fieldsV1") or {})
        managers[manager] = Owned(fields, entry.get("time", ""), version)
    return managers


def write(obj: Obj, managers: Managers) -> None:
    entries = [_entry(m, o) for m, o in managers.items() if o.fields]
    entries.sort(key=lambda e: (e["operation"], e["time"], e["manager"]))
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _entry(manager: Manager, owned: Owned) -> dict[str, Any]:
    entry = {
        "apiVersion": owned.version,
        "fieldsType": "FieldsV1",
        "fieldsV1": encoded(owned.fields),
        "manager": manager.name,
        "operation": manager.operation,
        "time": owned.time,
    }
    return entry | ({"subresource": manager.subresource} if manager.subresource else {})


def bare(obj: Obj) -> Obj:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return {**obj, "metadata": metadata}


def base_of(old: Obj, new: Obj) -> Managers:
    """Clients may edit the record itself; one empty entry clears it, none at all keeps it."""
    given = new["metadata"].get("managedFields")
    return read(old) if not given else read(new)


def update(type: Type, old: Obj, new: Obj, managers: Managers, manager: Manager, now: str) -> None:
    """Record in `new` that `manager` made it from `old`."""
    change = compare(type, bare(old), bare(new))
    written = change.written - UNOWNED
    for other, owned in managers.items():
        owned.fields -= change.removed
        if other != manager:
            owned.fields -= written
    if written:
        mine = managers.setdefault(manager, Owned(set(), now, manager.version))
        mine.fields |= written
        mine.time = now
    write(new, managers)


def apply(type: Type, live: Obj, applied: Obj, manager: Manager, *, force: bool, now: str) -> Obj:
    """
    The object after a server-side apply.

    Raises:
        StatusError: 409 with the fields that others own and this would change.
    """
    managers = read(live)
    config = bare(applied)
    wanted = fields_of(type, config) - UNOWNED
    before = managers.get(manager)
    result: Obj = apply_merge.merged(type, bare(live), config)
    if before is not None:
        others: Fields = set().union(*(o.fields for m, o in managers.items() if m != manager))
        given_up = before.fields - wanted - others
        if given_up:
            result = apply_merge.without(type, result, given_up, others | wanted)
    change = compare(type, bare(live), result)
    conflicts = {m: o.fields & change.written for m, o in managers.items() if m != manager}
    conflicts = {m: fields for m, fields in conflicts.items() if fields}
    if conflicts and not force:
        raise _conflict(conflicts)
    for other, owned in managers.items():
        owned.fields -= change.removed | conflicts.get(other, set())
    changed = before is None or before.fields != wanted or change.written or change.removed
    time = now if changed or before is None else before.time
    managers[manager] = Owned(wanted, time, applied.get("apiVersion", ""))
    write(result, managers)
    return result


def _conflict(conflicts: dict[Manager, Fields]) -> StatusError:
    pairs = [(m, spelled(p)) for m in sorted(conflicts) for p in sorted(conflicts[m])]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {m}", "field": path}
        for m, path in pairs
    ]
    return StatusError(409, "Conflict", _message(pairs), {"causes": causes})


def _message(pairs: Sequence[tuple[Manager, str]]) -> str:
    if len(pairs) == 1:
        manager, path = pairs[0]
        return f"Apply failed with 1 conflict: conflict with {manager}: {path}"
    lines = []
    for manager in dict.fromkeys(m for m, _ in pairs):
        lines.append(f"conflicts with {manager}:")
        lines += [f"- {path}" for m, path in pairs if m == manager]
    return f"Apply failed with {len(pairs)} conflicts: " + "\n".join(lines)
