"""`logs`: the logs of a workload's pods hold a text."""

from __future__ import annotations

from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named, workload_pods


def wanted(check: StateCheck) -> str:
    return f"contain {check.wants['contain']!r}"


def look(check: StateCheck, view: View) -> Observation:
    if named(check, view.inventory) is None:
        return missing(check)
    pods = workload_pods(check, view.state)
    if not pods:
        return Observation(False, "no running pod")
    text, container = check.wants["contain"], check.wants.get("container", "")
    silent = [p.name for p in pods if text not in view.log(p, container or p.container)]
    reason = f"not in the log of {', '.join(silent[:3])}" if silent else ""
    return Observation(not silent, f"in {len(pods) - len(silent)} of {len(pods)} logs", reason)
