"""Whether a pod runs, will run, or never will. Pure: reads raw pods and events."""

from __future__ import annotations

from collections.abc import Iterable

from npol.model.inventory import Obj
from npol.probe.parsers.error_patterns import one_line

HOPELESS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
}
"""Reasons for waiting that more waiting does not cure."""
SCHEDULING_GRACE = 10.0
"""Seconds in which an unschedulable pod may still get a node."""


def runs(pod: Obj) -> bool:
    """
    Whether its containers are ready and it has an address.

    Ready itself never comes: the readiness gate is not fulfilled.
    """
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and _condition(pod, "ContainersReady") == "True"


def hopeless(pod: Obj, waited: float) -> str:
    """Why it never will; "" while there is hope. `waited`: seconds since it was made."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Failed", "Succeeded"):
        return _sentence(status.get("reason") or "it ended", status.get("message"))
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in HOPELESS:
            return _sentence(waiting["reason"], waiting.get("message"))
    for condition in status.get("conditions") or ():
        unscheduled = condition.get("reason") == "Unschedulable"
        if unscheduled and condition.get("status") == "False" and waited >= SCHEDULING_GRACE:
            return _sentence("Unschedulable", condition.get("message"))
    return ""


def last_warning(events: Iterable[Obj], uid: str) -> str:
    """The newest warning about an object, in the words of the event."""
    found = [e for e in events if (e.get("involvedObject") or {}).get("uid") == uid]
    warnings = [e for e in found if e.get("type") == "Warning"]
    warnings.sort(key=_when)
    return _sentence(warnings[-1].get("reason"), warnings[-1].get("message")) if warnings else ""


def _when(event: Obj) -> str:
    times = ("lastTimestamp", "eventTime", "firstTimestamp")
    return str(next((event[t] for t in times if event.get(t)), ""))


def _sentence(reason: object, message: object) -> str:
    told = one_line(str(message or "").replace("\n", " "), longest=400)
    return f"{reason}: {told}" if told else str(reason)


def _condition(pod: Obj, name: str) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((c["status"] for c in conditions if c["type"] == name), "")
