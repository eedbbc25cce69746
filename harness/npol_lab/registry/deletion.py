"""How objects go: grace periods of pods, and finalizers."""

from __future__ import annotations

from datetime import datetime, timedelta

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry.metadata import timestamp

OWN_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
"""What a propagation policy leaves for the garbage collector to do first."""


def grace_of(pod: Obj, wanted: int | None) -> int:
    """Seconds. A pod that no node has taken, or that has ended, has nobody to wait for."""
    if not pod.get("spec", {}).get("nodeName"):
        return 0
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    own = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return int(own if wanted is None else wanted)


def finalizers_for(obj: Obj, propagation: str) -> list[str]:
    kept = [f for f in obj["metadata"].get("finalizers") or [] if f not in OWN_FINALIZERS.values()]
    own = OWN_FINALIZERS.get(propagation)
    return [*kept, own] if own else kept


def waits(obj: Obj) -> bool:
    """Whether an object that is to be deleted must stay for now."""
    metadata = obj["metadata"]
    return bool(
        metadata.get("finalizers")
        or metadata.get("deletionGracePeriodSeconds", 0) > 0
        or obj.get("spec", {}).get("finalizers")
    )


def dated(kind: ApiResource, obj: Obj, grace: int, now: datetime) -> Obj:
    """The object with its deletion begun, to end after `grace` seconds."""
    head = obj["metadata"]
    head["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
    if kind.name == "namespaces":
        obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
    else:
        head["deletionGracePeriodSeconds"] = grace
    if "generation" in head:
        head["generation"] += 1
    return obj
