"""`rollout`: every replica of a workload is new and available, and runs the image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.COMPLETE, check.wants.get("image") or "")


def look(check: StateCheck, view: View) -> Observation:
    obj = named(check, view.inventory)
    if obj is None:
        return missing(check)
    waits_for = pending(obj)
    images = [c.get("image", "") for c in obj["spec"]["template"]["spec"]["containers"]]
    image = check.wants.get("image", "")
    right = not image or any(_ends_in(i, image) for i in images)
    seen = waits_for or CheckFinding(code=FindingCode.COMPLETE)
    if image or waits_for:
        seen = replace(seen, names=tuple(images))
    return Observation(not waits_for and right, seen)


def pending(obj: Obj, *, by_hand: bool = False) -> CheckFinding | None:
    """
    What `kubectl rollout status` would wait for; None when the rollout is complete.

    `by_hand`: but for old pods that stay until somebody deletes them (`OnDelete`, a `partition`).
    """
    status: dict[str, Any] = obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return CheckFinding(code=FindingCode.VERSION_NOT_SEEN)
    if obj.get("kind") == "DaemonSet":
        count = status.get("desiredNumberScheduled", 0)
        new, there = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        count = obj["spec"].get("replicas", 1)
        new, there = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if new < (_renewed(obj, count) if by_hand else count) or there < count:
        code = FindingCode.PARTLY_NEW
        return CheckFinding(code=code, count=new, total=count, available=there)
    old = status.get("replicas", count) - count
    return CheckFinding(code=FindingCode.OLD_TO_GO, count=old) if old > 0 else None


def _renewed(obj: Obj, count: int) -> int:
    """Of so many pods those that the workload's controller renews by itself."""
    strategy = obj["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return 0
    return count - int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def _ends_in(image: str, end: str) -> bool:
    """Whether `end` is the image, or the end of it from a `/`, `:` or `@` on."""
    if not image.endswith(end):
        return False
    before = image[: -len(end)][-1:]
    return not before or before in "/:@" or end[0] in "/:@"
