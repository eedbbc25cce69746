"""`rollout`: every replica of a workload is new and available, and runs the image."""

from __future__ import annotations

from typing import Any

from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named


def wanted(check: StateCheck) -> str:
    image = check.wants.get("image")
    return "complete" + (f", image {image}" if image else "")


def look(check: StateCheck, view: View) -> Observation:
    obj = named(check, view.inventory)
    if obj is None:
        return missing(check)
    pending = _pending(obj)
    images = [c.get("image", "") for c in obj["spec"]["template"]["spec"]["containers"]]
    image = check.wants.get("image", "")
    right = not image or any(_ends_in(i, image) for i in images)
    seen = f"{pending or 'complete'}, image {', '.join(images)}"
    return Observation(not pending and right, seen if image or pending else "complete")


def _pending(obj: Obj) -> str:
    """What `kubectl rollout status` would wait for; "" when the rollout is complete."""
    status: dict[str, Any] = obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "the new version was not seen yet"
    if obj.get("kind") == "DaemonSet":
        count = status.get("desiredNumberScheduled", 0)
        new, there = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        count = obj["spec"].get("replicas", 1)
        new, there = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if new < count or there < count:
        return f"{new} of {count} new, {there} available"
    old = status.get("replicas", count) - count
    return f"{old} old to go" if old > 0 else ""


def _ends_in(image: str, end: str) -> bool:
    """Whether `end` is the image, or the end of it from a `/`, `:` or `@` on."""
    if not image.endswith(end):
        return False
    before = image[: -len(end)][-1:]
    return not before or before in "/:@" or end[0] in "/:@"
