"""`ready`: the pods of a workload, or those that a selector selects, are Ready."""

from __future__ import annotations

import re

from npol import selectors
from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Obj
from npol.model.story import Peer, StateCheck
from npol.policy.objects.entities import Pod
from npol.policy.state.peer_pods import pods_of
from npol.run.checks.rollout import pending
from npol.run.checks.view import Observation, View, missing, named

TEMPLATED = ("deployment", "statefulset", "daemonset")
"""Kinds of workloads that say themselves how many pods are ready."""
_NAMED = re.compile(r"[a-z]+/[^,=!]*")
"""KIND/NAME; anything else is a label selector."""


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.ALL_READY)


def look(check: StateCheck, view: View) -> Observation:
    kind = check.subject.partition("/")[0]
    if not _NAMED.fullmatch(check.subject):
        return _pods(_selected(check, view))
    if kind not in (*TEMPLATED, "pod"):
        return _pods(_made_by(check, view))
    obj = named(check, view.inventory)
    if obj is None:
        return missing(check)
    if kind == "pod":
        pod = view.state.pod(check.namespace, obj["metadata"]["name"])
        return _pods([pod] if pod else [])
    return _workload(obj)


def _workload(obj: Obj) -> Observation:
    """Counts tell of the pods only once its controller has seen it and has no others to make."""
    status = obj.get("status") or {}
    count = obj["spec"].get("replicas", status.get("desiredNumberScheduled", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    seen = CheckFinding(code=FindingCode.READY, count=ready, total=count)
    waits_for = pending(obj, by_hand=True)
    return Observation(ready >= count and not waits_for, seen, (waits_for,) if waits_for else ())


def _made_by(check: StateCheck, view: View) -> list[Pod]:
    """The pods of a workload of which only the pods are read."""
    peer = Peer(name="", at=check.at, namespace=check.namespace, workload=check.subject)
    return list(pods_of(view.state, peer))


def _selected(check: StateCheck, view: View) -> list[Pod]:
    selected = view.state.select(check.namespace, selectors.parse(check.subject))
    return [p for p in selected if p.may_be_named]


def _pods(pods: list[Pod]) -> Observation:
    if not pods:
        why = CheckFinding(code=FindingCode.NO_POD_SELECTED)
        return Observation(False, CheckFinding(code=FindingCode.NO_POD), (why,))
    waiting = tuple(p.name for p in pods if not p.ready)
    count = len(pods) - len(waiting)
    seen = CheckFinding(code=FindingCode.READY, count=count, total=len(pods))
    why = CheckFinding(code=FindingCode.NOT_READY, names=waiting)
    return Observation(not waiting, seen, (why,) if waiting else ())
