"""Certain fixes of what stands in a file, and of what is missing there."""

from __future__ import annotations

from typing import Any

from npol.policy.lint.findings import CertainFix
from npol.policy.objects.netpol_types import Origin
from npol.policy.parse.object_source import Source
from npol.yaml_positions import Path


def replaced(source: Source, path: Path, value: Any) -> CertainFix | None:
    """What mends a value that stands at a place of an object."""
    whole = (*source.prefix, *path)
    at = source.document.values.get(whole) if source.document else None
    return CertainFix(at, whole, value) if at else None


def added(source: Source, path: Path, value: Any) -> CertainFix | None:
    """What mends a mapping that lacks a key, if it has another that the new one may precede."""
    whole = (*source.prefix, *path)
    keys = source.document.keys.items() if source.document else ()
    beside = next((at for place, at in keys if place[:-1] == whole[:-1]), None)
    return CertainFix(beside, whole, value) if beside else None


def replaced_in_clause(source: Source, origin: Origin, key: str, value: Any) -> CertainFix | None:
    """What mends a key of a clause, which is known by where it stands."""
    places = source.document.values.items() if source.document else ()
    whole = next((path for path, at in places if at == origin.at), None)
    if whole is None:
        return None
    return replaced(source, (*whole[len(source.prefix) :], key), value)
