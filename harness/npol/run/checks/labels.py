"""`labels`: an object carries labels that policies select by."""

from __future__ import annotations

from collections.abc import Mapping

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named


def wanted(check: StateCheck) -> CheckClaim:
    labels = ", ".join(f"{k}={v}" for k, v in check.wants["has"].items())
    return CheckClaim(ClaimCode.LABELS, labels)


def look(check: StateCheck, view: View) -> Observation:
    obj = named(check, view.inventory)
    if obj is None:
        return missing(check)
    labels = labels_of(obj)
    lacking = {k: v for k, v in check.wants["has"].items() if labels.get(k) != v}
    if not lacking:
        return Observation(True, CheckFinding(code=FindingCode.HAS_LABELS))
    there = tuple(f"{k}={labels[k]}" if k in labels else f"no {k}" for k in lacking)
    why = CheckFinding(code=FindingCode.NOT_SELECTED, wanted=wanted(check).text)
    return Observation(False, CheckFinding(code=FindingCode.OTHER_LABELS, names=there), (why,))


def labels_of(obj: Obj) -> Mapping[str, str]:
    """A workload's labels that policies see are those of its pods."""
    template = (obj.get("spec") or {}).get("template") or obj
    return template["metadata"].get("labels") or {}
