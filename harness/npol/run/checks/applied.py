"""`applied`: objects are in the cluster as the repository has them."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.story import Manifest, StateCheck
from npol.run.checks.drift import differences, spell_path
from npol.run.checks.view import Observation, View

MOST = 5
"""Differences that are told; the rest are counted."""
HIDDEN = frozenset({"env", "args", "command", "annotations", "httpHeaders"})
"""Fields that may hold credentials: where they differ is told, not how."""


def wanted(check: StateCheck) -> str:
    return f"{_count(len(check.wants['manifests']))} as in the repository"


def look(check: StateCheck, view: View) -> Observation:
    manifests = check.wants["manifests"]
    drifted = {m: told for m in range(len(manifests)) if (told := list(_drift(manifests[m], view)))}
    if not drifted:
        return Observation(True, f"{_count(len(manifests))} as in the repository")
    told = [line for lines in drifted.values() for line in lines]
    more = f"; and {len(told) - MOST} more" if len(told) > MOST else ""
    return Observation(
        False, f"{len(drifted)} of {len(manifests)} differ", "; ".join(told[:MOST]) + more
    )


def _drift(manifest: Manifest, view: View) -> Iterator[str]:
    place = f"{manifest.namespace}/" if manifest.namespace else ""
    name = f"{manifest.kind} {place}{manifest.name}"
    live = view.live(manifest)
    if live is None:
        yield f"{manifest.at.file}: {name} is not in the cluster"
        return
    for path, mine, theirs in differences(manifest.body, live):
        at = manifest.document.at(*path)
        where = f"{at.file}:{at.line}" if at.line else at.file
        hidden = manifest.kind == "Secret" or HIDDEN.intersection(path)
        how = "differs (not shown)" if hidden else f"repository {mine!r}, cluster {theirs!r}"
        yield f"{where}: {name} {spell_path(path)}: {how}"


def _count(number: int) -> str:
    return f"{number} object{'s' if number != 1 else ''}"
