"""A cluster's policies beside those of the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npol.model.change import Manifest
from npol.model.inventory import Obj
from npol.policy.parse.object_source import Given
from npol.run.checks.drift import differences, spell_path

Key = tuple[str, str]
MOST = 3
"""Differences that are told of one policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedComparison:
    """`said`: one sentence for each policy of the cluster, by namespace and name."""

    policies: tuple[Given, ...]
    """The cluster's, with positions where a file says the same."""
    said: Mapping[Key, str]
    missing: tuple[str, ...]


def compared(live: Sequence[Obj], manifests: Sequence[Manifest]) -> AppliedComparison:
    """Each of the cluster's policies with the file that holds it, if one does."""
    filed = {(m.namespace, m.name): m for m in manifests}
    policies: list[Given] = []
    said: dict[Key, str] = {}
    for obj in sorted(live, key=_key):
        manifest = filed.get(_key(obj))
        said[_key(obj)] = _said(manifest, obj)
        same = manifest and not differences(manifest.body, obj)
        policies.append(manifest if manifest and same else obj)
    absent = [m for key, m in filed.items() if key not in said]
    missing = tuple(f"{m.namespace}/{m.name} ({m.at.file}:{m.at.line})" for m in absent)
    return AppliedComparison(policies=tuple(policies), said=said, missing=missing)


def _key(obj: Obj) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _said(manifest: Manifest | None, obj: Obj) -> str:
    if manifest is None:
        return "applied, and in no file"
    found = differences(manifest.body, obj)
    if not found:
        return "applied as its file says"
    told = (f"{spell_path(p)}: file {a!r}, cluster {b!r}" for p, a, b in found[:MOST])
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return f"NOT as {manifest.at.file} says: {'; '.join(told)}{more}"
