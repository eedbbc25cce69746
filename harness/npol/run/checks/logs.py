"""`logs`: the logs of a workload's pods hold a text."""

from __future__ import annotations

from collections.abc import Sequence

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.probe import PodRef
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, of_running_pods


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.IN_LOGS, check.wants["contain"])


def look(check: StateCheck, view: View) -> Observation:
    return of_running_pods(check, view, lambda pods: _of_pods(check, view, pods))


def _of_pods(check: StateCheck, view: View, pods: Sequence[PodRef]) -> Observation:
    text, container = check.wants["contain"], check.wants.get("container", "")
    silent = tuple(p.name for p in pods if text not in view.log(p, container or p.container))
    count = len(pods) - len(silent)
    seen = CheckFinding(code=FindingCode.IN_LOGS, count=count, total=len(pods))
    why = CheckFinding(code=FindingCode.NOT_IN_LOGS, names=silent)
    return Observation(not silent, seen, (why,) if silent else ())
