"""
`admits`: a new rollout of a workload would pass admission.

What is asked, by dry run, is the workload's next pod: Pod Security, quotas, admission policies and
webhooks refuse pods, and a Deployment whose pods are refused is itself accepted.
"""

from __future__ import annotations

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.ADMITTED)


def look(check: StateCheck, view: View) -> Observation:
    workload = named(check, view.inventory)
    if workload is None:
        return missing(check)
    refusal = view.refusal(next_pod(workload))
    if not refusal:
        return Observation(True, CheckFinding(code=FindingCode.ADMITTED))
    said = CheckFinding(code=FindingCode.SAID, said=refusal)
    return Observation(False, CheckFinding(code=FindingCode.REFUSED), (said,))


def next_pod(workload: Obj) -> Obj:
    """The pod that a rollout of a workload would make; its own name is as long as theirs."""
    metadata, template = workload["metadata"], workload["spec"]["template"]
    carried = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name'][:47]}-npol-dry-run",
            "namespace": metadata["namespace"],
            "labels": carried.get("labels") or {},
            "annotations": carried.get("annotations") or {},
        },
        "spec": template["spec"],
    }
