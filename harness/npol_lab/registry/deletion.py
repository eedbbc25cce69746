"""How objects go: grace periods of pods, finalizers, preconditions."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors

OWN_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
"""What a propagation policy leaves for the garbage collector to do first."""


def check_preconditions(kind: ApiResource, old: Obj, uid: str | None, version: str | None) -> None:
    """
    Raises:
        StatusError: 409 when the object is not the one that the client has seen.
    """
    head = old["metadata"]
    for word, wanted, key, past in (
        ("UID", uid, "uid", "deleted and then recreated"),
        ("ResourceVersion", version, "resourceVersion", "modified"),
    ):
        if wanted and wanted != head[key]:
            why = (
                f"the {word} in the precondition ({wanted}) does not match the {word} in record "
                f"({head[key]}). The object might have been {past}"
            )
            called = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
            message = f'Operation cannot be fulfilled on {called} "{head["name"]}": {why}'
            details = {"name": head["name"], "group": kind.group, "kind": kind.kind}
            details = {k: v for k, v in details.items() if v}
            raise errors.StatusError(409, "Conflict", message, details)


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
