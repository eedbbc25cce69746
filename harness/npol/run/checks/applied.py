"""`applied`: objects are in the cluster as the repository has them."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.change import Manifest
from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.story import StateCheck
from npol.run.checks.drift import differences, spell_path
from npol.run.checks.view import Observation, View

MOST = 5
"""Differences that are told; the rest are counted."""
HIDDEN = frozenset({"env", "args", "command", "annotations", "httpHeaders"})
"""Fields that may hold credentials: where they differ is told, not how."""


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.AS_IN_REPOSITORY, count=len(check.wants["manifests"]))


def look(check: StateCheck, view: View) -> Observation:
    manifests = check.wants["manifests"]
    drifted = {m: told for m in range(len(manifests)) if (told := list(_drift(manifests[m], view)))}
    if not drifted:
        as_there = CheckFinding(code=FindingCode.AS_IN_REPOSITORY, count=len(manifests))
        return Observation(True, as_there)
    told = [finding for findings in drifted.values() for finding in findings]
    if len(told) > MOST:
        more = CheckFinding(code=FindingCode.MORE_DIFFER, count=len(told) - MOST)
        told = [*told[:MOST], more]
    seen = CheckFinding(code=FindingCode.DIFFER, count=len(drifted), total=len(manifests))
    return Observation(False, seen, tuple(told))


def _drift(manifest: Manifest, view: View) -> Iterator[CheckFinding]:
    place = f"{manifest.namespace}/" if manifest.namespace else ""
    name = f"{manifest.kind} {place}{manifest.name}"
    live = view.live(manifest)
    if live is None:
        file = manifest.at.file
        yield CheckFinding(code=FindingCode.NOT_IN_CLUSTER, subject=file, names=(name,))
        return
    for path, mine, theirs in differences(manifest.body, live):
        at = manifest.document.at(*path)
        where = f"{at.file}:{at.line}" if at.line else at.file
        names = (name, spell_path(path))
        if manifest.kind == "Secret" or HIDDEN.intersection(path):
            code = FindingCode.HIDDEN_FIELD_DIFFERS
            yield CheckFinding(code=code, subject=where, names=names)
            continue
        yield CheckFinding(
            code=FindingCode.FIELD_DIFFERS,
            subject=where,
            names=names,
            wanted=repr(mine),
            said=repr(theirs),
        )
