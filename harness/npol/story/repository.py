"""
A repository as it lies there: kustomizations and charts to be rendered, and plain manifests.

Whatever a kustomization takes (bases, components, patches) and whatever lies in a chart is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npol.errors import Mistakes
from npol.story import files
from npol.story.field_validators import NotValid
from npol.story.kustomization import KUSTOMIZATIONS, TAKES
from npol.story_suffixes import STORY_SUFFIXES
from npol.yaml_positions import YamlDialect, load

CHART = "Chart.yaml"
MAX_ENTRIES = 50_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Real paths, in order."""

    kustomizations: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


def repository(directory: str) -> Repository:
    """
    What a directory holds; hidden files and what links lead to are left out.

    Raises:
        NotValid: it cannot be read, holds too much, or a name that cannot be shown.
    """
    found = list(_files(directory))
    charts = {os.path.dirname(f) for f in found if os.path.basename(f) == CHART}
    charts = {c for c in charts if os.path.isdir(os.path.join(c, "templates"))}
    top = sorted(c for c in charts if not any(_is_of_chart(c, other) for other in charts))
    outside = [f for f in found if not any(_is_of_chart(f, chart) for chart in top)]
    read = {os.path.dirname(f): _kustomization(f) for f in outside if _is_kustomization(f)}
    taken = {d: set(_taken(d, data)) for d, data in read.items()}
    every = set().union(*taken.values())
    roots = [d for d, data in read.items() if d not in every and data.get("kind") != "Component"]
    plain = [f for f in outside if f not in every and not _is_kustomization(f)]
    return Repository(
        kustomizations=tuple(sorted(roots)),
        charts=tuple(c for c in top if not _is_library(c)),
        plain=tuple(f for f in plain if not f.endswith(STORY_SUFFIXES)),
    )


def _files(directory: str) -> Iterator[str]:
    entries = 0
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED)
        entries += len(folders) + len(names)
        if entries > MAX_ENTRIES:
            raise NotValid(f"{directory} holds more than {MAX_ENTRIES} files", "name a part of it")
        for name in sorted(names):
            is_manifest = name.endswith(files.SUFFIXES) or name in KUSTOMIZATIONS
            if name.startswith(".") or not is_manifest:
                continue
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                files.require_printable(os.path.relpath(path, directory))
                yield path


def _is_of_chart(path: str, chart: str) -> bool:
    """Whether a file is what helm renders or reads; others may lie beside a chart."""
    below, _, rest = os.path.relpath(path, chart).partition(os.sep)
    if rest:
        return below in ("templates", "charts", "crds", "ci", "tests")
    return below == CHART or below.startswith("values")


def _is_kustomization(path: str) -> bool:
    return os.path.basename(path) in KUSTOMIZATIONS


def _kustomization(path: str) -> dict[str, Any]:
    """{} for one that cannot be read: whoever renders it says why."""
    return _mapping(path)


def _mapping(path: str) -> dict[str, Any]:
    try:
        found = load(files.read_bytes(path, path), path, YamlDialect.MANIFEST)
    except (Mistakes, NotValid):
        return {}
    data = found[0].data if found else {}
    return data if isinstance(data, dict) else {}


def _is_library(chart: str) -> bool:
    return _mapping(os.path.join(chart, CHART)).get("type") == "library"


def _taken(directory: str, data: dict[str, Any]) -> Iterator[str]:
    """The paths that a kustomization names."""
    for value in (v for key, v in data.items() if str(key).casefold() in TAKES):
        for text in _texts(value):
            yield os.path.normpath(os.path.join(directory, text.rpartition("=")[2]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
