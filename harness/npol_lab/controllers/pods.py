"""What controllers ask of a pod."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.clock import parse_timestamp

FINISHED = ("Succeeded", "Failed")
BURST = 500
"""Pods that are made in one go; then everybody else has a turn. Kubernetes' burstReplicas."""


def is_finished(pod: Obj) -> bool:
    return pod.get("status", {}).get("phase") in FINISHED


def is_going(obj: Obj) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def is_active(pod: Obj) -> bool:
    """It counts as one of a workload's replicas."""
    return not is_finished(pod) and not is_going(pod)


def condition(obj: Obj, kind: str) -> Obj | None:
    for found in obj.get("status", {}).get("conditions") or []:
        if found["type"] == kind:
            return dict(found)
    return None


def is_ready(pod: Obj) -> bool:
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def ready_since(pod: Obj) -> float | None:
    """Seconds since the epoch, or None when it is not ready."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return None
    return parse_timestamp(found["lastTransitionTime"])


def available_in(pod: Obj, seconds: float, now: float) -> float | None:
    """
    Seconds until a pod has been ready for `seconds`: 0 when it is available now, None
    when it is not ready.
    """
    since = ready_since(pod)
    if since is None:
        return None
    return max(0.0, since + seconds - now) if seconds else 0.0


def from_template(template: Obj, owner: Obj, reference: Obj) -> Obj:
    """A pod of a workload's template, with a generated name."""
    metadata = template.get("metadata") or {}
    pod: Obj = {
        "metadata": {
            "generateName": f"{owner['metadata']['name']}-",
            "namespace": owner["metadata"]["namespace"],
            "labels": dict(metadata.get("labels") or {}),
            "ownerReferences": [reference],
        },
        "spec": template["spec"],
    }
    for key in ("annotations", "finalizers"):
        if metadata.get(key):
            pod["metadata"][key] = metadata[key]
    return pod
