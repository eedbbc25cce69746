"""
Where an object in the cluster is not what its manifest says.

A NetworkPolicy's spec is compared whole, with the defaults that the API server fills in
(kubernetes pkg/apis/networking/v1/defaults.go): a rule too many opens as much as one too few
closes. Of other kinds the fields that the manifest names are compared, as controllers and
admission fill in the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from npol.model.inventory import Obj

Path = tuple[str | int, ...]
Difference = tuple[Path, Any, Any]
"""Path, the manifest's value, the cluster's value; ABSENT for none."""


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def differences(manifest: Obj, live: Obj) -> list[Difference]:
    """Every field that differs, by path."""
    named = {k: v for k, v in manifest.items() if k not in ("metadata", "status", "spec")}
    found = [*_within(named, live, ())]
    for kept in ("labels", "annotations"):
        mine = (manifest.get("metadata") or {}).get(kept) or {}
        theirs = live["metadata"].get(kept) or {}
        found += _within(mine, theirs, ("metadata", kept))
    mine, theirs = manifest.get("spec") or {}, live.get("spec") or {}
    if manifest.get("kind") == "NetworkPolicy":
        return [*found, *_whole(_policy(mine), _policy(theirs), ("spec",))]
    return [*found, *_within(mine, theirs, ("spec",))]


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


def _policy(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy's spec as the API server would store it."""
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    plain: dict[str, Any] = {
        "podSelector": _bare(spec.get("podSelector") or {}),
        "policyTypes": sorted(types),
    }
    for section in ("ingress", "egress"):
        if spec.get(section):
            plain[section] = [_rule(rule or {}) for rule in spec[section]]
    return plain


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    bare = {key: [_bare(p) for p in value] for key, value in rule.items() if value}
    if "ports" in bare:
        bare["ports"] = [{"protocol": "TCP", **port} for port in bare["ports"]]
    return bare


def _bare(value: Any) -> Any:
    """Without what says nothing; an empty selector or rule says something where it stands."""
    if not isinstance(value, Mapping):
        return value
    empty = ("matchLabels", "matchExpressions", "except")
    return {k: _bare(v) for k, v in value.items() if v is not None and (v or k not in empty)}
