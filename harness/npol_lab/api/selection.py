"""Label and field selectors of lists, watches and collection deletes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npol import selectors
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors

_EVENT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "events": (
        *(f"involvedObject.{f}" for f in _EVENT),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}
"""What can be selected by beside metadata.name and metadata.namespace, as on a real server."""


@dataclass(frozen=True, slots=True)
class Selection:
    labels: selectors.Selector
    fields: tuple[tuple[str, str, bool], ...]
    """Field, value, and whether they must be equal."""

    def holds(self, obj: Obj) -> bool:
        found = obj["metadata"].get("labels") or {}
        if not selectors.matches(self.labels, found):
            return False
        return all((field_of(obj, field) == value) is same for field, value, same in self.fields)


def parse(kind: ApiResource, labels: str, fields: str) -> Selection:
    """
    Raises:
        StatusError: 400 for a selector that cannot be read or a field that cannot be selected.
    """
    try:
        parsed = selectors.parse(labels)
        selectors.matches(parsed, {})
    except (ValueError, KeyError) as wrong:
        raise errors.bad_request(f"unable to parse requirement: {_why(labels, wrong)}") from wrong
    terms = tuple(_term(kind, t) for t in _split(fields) if t)
    return Selection(parsed, terms)


def _why(labels: str, wrong: Exception) -> str:
    words = labels.split()
    if len(words) < 2:
        return str(wrong)
    return f"found '{words[1]}', expected: in, notin, =, ==, !=, gt, lt"


def _split(fields: str) -> list[str]:
    """At commas that no backslash precedes."""
    return re.split(r"(?<!\\),", fields)


def _term(kind: ApiResource, term: str) -> tuple[str, str, bool]:
    for sign, same in (("!=", False), ("==", True), ("=", True)):
        if sign in term:
            field, value = term.split(sign, 1)
            if not _selectable(kind, field):
                raise errors.bad_request(_unsupported(kind, field))
            return field, re.sub(r"\\(.)", r"\1", value), same
    raise errors.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")


def _selectable(kind: ApiResource, field: str) -> bool:
    if field == "metadata.name" or (field == "metadata.namespace" and kind.namespaced):
        return True
    return field in FIELDS.get(kind.name, ())


def _unsupported(kind: ApiResource, field: str) -> str:
    if kind.name in FIELDS:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def field_of(obj: Obj, field: str) -> str:
    """A field's value as a selector compares it: absent is empty."""
    if field in READERS:
        return READERS[field](obj)
    value: Any = obj
    for step in field.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _source(obj: Obj) -> str:
    return str(obj.get("source", {}).get("component") or obj.get("reportingComponent", ""))


READERS: dict[str, Callable[[Obj], str]] = {
    "source": _source,
    "spec.hostNetwork": lambda o: str(bool(o["spec"].get("hostNetwork"))).lower(),
    "spec.unschedulable": lambda o: str(bool(o.get("spec", {}).get("unschedulable"))).lower(),
    "status.replicas": lambda o: str(o.get("status", {}).get("replicas", 0)),
    "status.successful": lambda o: str(o.get("status", {}).get("succeeded", 0)),
}
