"""State checks: from the mappings of `state:` to StateCheck."""

from __future__ import annotations

from typing import Any

from npol.model.story import StateCheck
from npol.story.field_validators import did_you_mean, shown
from npol.story.manifests import Shelf
from npol.story.schema.check import (
    CHECKS,
    AppliedCheck,
    CheckEntry,
    LabelsCheck,
    ObjectCheck,
    field_path,
)
from npol.story.yaml_node import YamlNode

_ANYWHERE = ("applied", "object")
"""Kinds of check that are about objects of any scope."""


def read_check(node: YamlNode, shelf: Shelf) -> StateCheck | None:
    """The check that a mapping stands for; None, with mistakes noted, if it stands for none."""
    kind = _kind(node)
    entry = node.read(CHECKS[kind]) if kind else None
    if kind is None or entry is None:
        return None
    namespace = "" if _is_cluster_wide(entry) else entry.namespace or shelf.namespace
    if not namespace and kind not in _ANYWHERE and not _is_cluster_wide(entry):
        node.wrong(f"the {kind} check needs a `namespace:`")
    subject = _subject(kind, entry)
    place = f"{namespace}/" if namespace else ""
    return StateCheck(
        kind=kind,
        name=entry.name or f"{kind} {place}{subject}",
        at=node.at(),
        namespace=namespace,
        subject=subject,
        wants=_wants(entry, node, shelf),
        covers=tuple(entry.covers),
    )


def _kind(node: YamlNode) -> str | None:
    if not isinstance(node.data, dict):
        node.wrong("a check is a mapping, such as {endpoints: NAME, ready: 1}")
        return None
    if kind := next((k for k in CHECKS if k in node.data), None):
        return kind
    hints = (did_you_mean(key, CHECKS) for key in node.data)
    hint = next((h for h in hints if h), f"a check is one of: {', '.join(CHECKS)}")
    key = next(iter(node.data), None)
    message = f"unknown check {shown(key)}" if key is not None else "the check is empty"
    node.wrong(message, hint, key=(key,) if key is not None else ())
    return None


def _is_cluster_wide(entry: CheckEntry) -> bool:
    return isinstance(entry, LabelsCheck) and bool({"namespace", "node"} & set(entry.labels))


def _subject(kind: str, entry: CheckEntry) -> str:
    if isinstance(entry, LabelsCheck):
        return "/".join(next(iter(entry.labels.items())))
    if isinstance(entry, AppliedCheck):
        return ", ".join(s.file or s.kustomize or s.helm for s in entry.applied)
    about = str(getattr(entry, kind))
    return f"{about} {entry.path}" if isinstance(entry, ObjectCheck) and entry.path else about


def _wants(entry: CheckEntry, node: YamlNode, shelf: Shelf) -> dict[str, Any]:
    """
    What the check claims: the fields of its class that were written or have a default.

    `applied`: the Manifests under `manifests`. `object`: its reference under `ref`, `path` as
    keys and indexes, and one of `equals`, `matches`, `exists`.
    """
    if isinstance(entry, AppliedCheck):
        sources = zip(entry.applied, node.one_or_more("applied"), strict=True)
        return {"manifests": tuple(m for s, place in sources for m in shelf.take(s, place))}
    if isinstance(entry, ObjectCheck):
        return _object_wants(entry, node)
    return entry.wants


def _object_wants(entry: ObjectCheck, node: YamlNode) -> dict[str, Any]:
    claims = [c for c in ("equals", "matches", "exists") if c in entry.model_fields_set]
    if len(claims) != 1:
        node.wrong("an object check claims one of `equals`, `matches` and `exists`")
    if claims and claims[0] != "exists" and not entry.path:
        node.wrong(f"`{claims[0]}` needs the `path:` of a field")
    path = field_path(entry.path) if entry.path else ()
    return {"ref": entry.object, "path": path, **{c: getattr(entry, c) for c in claims}}
