"""
`admits`: a new rollout of a workload would pass admission.

What is asked, by dry run, is the workload's next pod: Pod Security, quotas, admission policies and
webhooks refuse pods, and a Deployment whose pods are refused is itself accepted.
"""

from __future__ import annotations

from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, missing, named


def wanted(check: StateCheck) -> str:
    return "the next pod is admitted"


def look(check: StateCheck, view: View) -> Observation:
    workload = named(check, view.inventory)
    if workload is None:
        return missing(check)
    refusal = view.refusal(next_pod(workload))
    return Observation(not refusal, "refused" if refusal else "admitted by a dry run", refusal)


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
