"""Whether a pod runs, will run, or never will. Pure: reads raw pods and events."""

from __future__ import annotations

import re
from collections.abc import Iterable

from npol.model.inventory import Obj
from npol.probe.parsers.error_patterns import one_line

HOPELESS = {
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
}
"""Reasons for waiting that more waiting does not cure."""
PULLING = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"}
"""Reasons for waiting after which the kubelet tries again."""
NO_IMAGE = re.compile(r"not found|manifest unknown|unauthori[sz]ed|access denied|no such image")
"""What a registry says that knows no such image, or not us."""
PULLED_AGAIN = 30.0
"""Seconds in which the kubelet has asked for an image three times."""
SCALED = ("TriggeredScaleUp", "NotTriggerScaleUp", "Nominated", "FailedScheduling")
"""Reasons of events that tell whether an unschedulable pod will get a node."""
NOT_SCALED = 60.0
"""Seconds in which a node may become free although none is added."""


def runs(pod: Obj) -> bool:
    """
    Whether its containers are ready and it has an address.

    Ready itself never comes: the readiness gate is not fulfilled.
    """
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and _condition(pod, "ContainersReady") == "True"


def hopeless(pod: Obj, waited: float, scaling: str = "") -> str:
    """
    Why it never will; "" while there is hope.

    Args:
        waited: seconds since it was made.
        scaling: the newest event about its node (`scale_up`).
    """
    status = pod.get("status") or {}
    if status.get("phase") in ("Failed", "Succeeded"):
        return _sentence(status.get("reason") or "it ended", status.get("message"))
    for waiting in _waiting(status):
        if waiting.get("reason") in HOPELESS or (waited >= PULLED_AGAIN and _has_no_image(waiting)):
            return _sentence(waiting["reason"], waiting.get("message"))
    if scaling.startswith("NotTriggerScaleUp") and waited >= NOT_SCALED:
        return f"{_unscheduled(status)}; {scaling}" if _unscheduled(status) else ""
    return ""


def waits_for(pod: Obj) -> str:
    """What a pod that does not run yet is waiting for, in the cluster's words."""
    status = pod.get("status") or {}
    if unscheduled := _unscheduled(status):
        return unscheduled
    told = [w for w in _waiting(status) if w.get("reason") not in (None, "PodInitializing")]
    first = next(iter(told), {})
    return _sentence(first["reason"], first.get("message")) if first else ""


def is_unscheduled(pod: Obj) -> bool:
    return bool(_unscheduled(pod.get("status") or {}))


def _unscheduled(status: Obj) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "Unschedulable" and condition.get("status") == "False":
            return _sentence("Unschedulable", condition.get("message"))
    return ""


def _waiting(status: Obj) -> Iterable[Obj]:
    """The states of containers that wait, init containers first."""
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            if waiting := (container.get("state") or {}).get("waiting"):
                yield waiting


def _has_no_image(waiting: Obj) -> bool:
    return waiting.get("reason") in PULLING and bool(
        NO_IMAGE.search(str(waiting.get("message")).lower())
    )


def scale_up(events: Iterable[Obj], uid: str) -> str:
    """The newest event about the node of a pod; "" for none."""
    found = [e for e in _about(events, uid) if e.get("reason") in SCALED]
    return _sentence(found[-1].get("reason"), found[-1].get("message")) if found else ""


def last_warning(events: Iterable[Obj], uid: str) -> str:
    """The newest warning about an object, in the words of the event."""
    warnings = [e for e in _about(events, uid) if e.get("type") == "Warning"]
    return _sentence(warnings[-1].get("reason"), warnings[-1].get("message")) if warnings else ""


def _about(events: Iterable[Obj], uid: str) -> list[Obj]:
    """Those about one object, the newest last."""
    found = [e for e in events if (e.get("involvedObject") or {}).get("uid") == uid]
    return sorted(found, key=_when)


def _when(event: Obj) -> str:
    times = ("lastTimestamp", "eventTime", "firstTimestamp")
    return str(next((event[t] for t in times if event.get(t)), ""))


def _sentence(reason: object, message: object) -> str:
    told = one_line(str(message or "").replace("\n", " "), longest=400)
    return f"{reason}: {told}" if told else str(reason)


def _condition(pod: Obj, name: str) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((c["status"] for c in conditions if c["type"] == name), "")
