"""
Where an object in the cluster is not what its manifest says.

What policies of every kind say, and what they refer to, is compared whole, after the defaults that
API servers fill in (`stored_policy`): a rule too many opens as much as one too few closes. Of other
kinds the fields that the manifest names are compared, as controllers and admission fill in the
rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from npol.model.inventory import Obj
from npol.model.policy_kinds import policy_kind
from npol.run.checks.stored_policy import SECTIONS, stored

Path = tuple[str | int, ...]
Difference = tuple[Path, Any, Any]
"""Path, the manifest's value, the cluster's value; ABSENT for none."""


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def differences(manifest: Obj, live: Obj) -> list[Difference]:
    """Every field that differs, by path."""
    named = {k: v for k, v in manifest.items() if k not in ("metadata", "status", *SECTIONS)}
    found = [*_within(named, live, ())]
    for kept in ("labels", "annotations"):
        mine = (manifest.get("metadata") or {}).get(kept) or {}
        theirs = live["metadata"].get(kept) or {}
        found += _within(mine, theirs, ("metadata", kept))
    kind = policy_kind(str(manifest.get("apiVersion", "")), str(manifest.get("kind", "")))
    if kind:
        return [*found, *_whole(stored(kind, manifest), stored(kind, live), ())]
    for section in SECTIONS:
        found += _within(manifest.get(section) or {}, live.get(section) or {}, (section,))
    return found


def spell_path(path: Path) -> str:
    """`spec.ingress[0].ports[0].port`."""
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return "".join(parts).lstrip(".")


def _within(mine: Any, theirs: Any, path: Path) -> Iterator[Difference]:
    """What `mine` says and `theirs` does not."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        for key, value in mine.items():
            if value is not None:
                yield from _within(value, theirs.get(key, ABSENT), (*path, key))
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for index, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            yield from _within(a, b, (*path, index))
    elif mine != theirs and not (theirs is ABSENT and mine in ({}, [])):
        yield path, mine, theirs


def _whole(mine: Any, theirs: Any, path: Path) -> Iterator[Difference]:
    """Every difference, on either side."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys((*mine, *theirs)):
            yield from _whole(mine.get(key, ABSENT), theirs.get(key, ABSENT), (*path, key))
    elif isinstance(mine, list) and isinstance(theirs, list):
        for index in range(max(len(mine), len(theirs))):
            a = mine[index] if index < len(mine) else ABSENT
            b = theirs[index] if index < len(theirs) else ABSENT
            yield from _whole(a, b, (*path, index))
    elif mine != theirs:
        yield path, mine, theirs
