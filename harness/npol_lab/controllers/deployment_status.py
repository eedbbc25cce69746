"""What `kubectl rollout status` and `kubectl wait` read of a Deployment."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.clock import parse_timestamp, timestamp
from npol_lab.controllers.pods import condition
from npol_lab.controllers.rollout import rolling_limits, without_hash

COUNTS = ("updatedReplicas", "readyReplicas", "availableReplicas")


def deployment_status(deployment: Obj, sets: list[Obj], now: float) -> Obj:
    """
    Counts and the conditions Available, Progressing and ReplicaFailure.

    Source: Kubernetes pkg/controller/deployment/sync.go and progress.go.
    """
    spec = deployment["spec"]
    wanted = spec.get("replicas", 1)
    current = without_hash(spec["template"])
    newest = [s for s in sets if without_hash(s["spec"]["template"]) == current]
    counts = {
        "replicas": _count(sets, "replicas"),
        "updatedReplicas": _count(newest, "replicas"),
        "readyReplicas": _count(sets, "readyReplicas"),
        "availableReplicas": _count(sets, "availableReplicas"),
    }
    counts["unavailableReplicas"] = max(
        0, max(wanted, counts["replicas"]) - counts["availableReplicas"]
    )
    status: Obj = {"observedGeneration": deployment["metadata"].get("generation", 1), **counts}
    fresh = [
        _available(spec, counts, wanted),
        _progressing(deployment, newest, counts, now),
        *_failures(sets),
    ]
    old = deployment.get("status", {})
    progressed = any(counts[key] > old.get(key, 0) for key in COUNTS)
    status["conditions"] = [
        _stamped(c, condition(deployment, c["type"]), timestamp(now), progressed) for c in fresh
    ]
    return status


def seconds_left(deployment: Obj, now: float) -> float | None:
    """Until the rollout counts as stuck; None when it is done or already stuck."""
    before = condition(deployment, "Progressing")
    limit = deployment["spec"].get("progressDeadlineSeconds")
    if before is None or limit is None or before["reason"] != "ReplicaSetUpdated":
        return None
    since = parse_timestamp(before["lastUpdateTime"])
    return max(0.0, since + float(limit) - now)


def _count(sets: list[Obj], key: str) -> int:
    return sum(s.get("status", {}).get(key, 0) for s in sets)


def _available(spec: Obj, counts: Obj, wanted: int) -> Obj:
    _, unavailable = rolling_limits(spec, wanted)
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        unavailable = 0
    good = counts["availableReplicas"] >= wanted - unavailable
    return {
        "type": "Available",
        "status": "True" if good else "False",
        "reason": "MinimumReplicasAvailable" if good else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if good else 'does not have'} minimum availability.",
    }


def _progressing(deployment: Obj, newest: list[Obj], counts: Obj, now: float) -> Obj:
    wanted = deployment["spec"].get("replicas", 1)
    name = newest[0]["metadata"]["name"] if newest else deployment["metadata"]["name"]
    counted = ("updatedReplicas", "replicas", "availableReplicas")
    status, reason, what = "True", "ReplicaSetUpdated", "is progressing"
    if all(counts[key] == wanted for key in counted):
        reason, what = "NewReplicaSetAvailable", "has successfully progressed"
    elif _is_stuck(deployment, newest, now):
        status, reason, what = "False", "ProgressDeadlineExceeded", "has timed out progressing"
    message = f'ReplicaSet "{name}" {what}.'
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _is_stuck(deployment: Obj, newest: list[Obj], now: float) -> bool:
    """It stays stuck until its template changes, which a condition about another set shows."""
    before = condition(deployment, "Progressing")
    same = (
        before is not None and newest and f'"{newest[0]["metadata"]["name"]}"' in before["message"]
    )
    if before is None or not same:
        return False
    return before["status"] == "False" or seconds_left(deployment, now) == 0


def _failures(sets: list[Obj]) -> list[Obj]:
    for replica_set in sets:
        if failure := condition(replica_set, "ReplicaFailure"):
            return [failure]
    return []


def _stamped(fresh: Obj, before: Obj | None, now: str, progressed: bool) -> Obj:
    """Times move only when the condition does; progress renews the time of Progressing."""
    renewed = progressed and fresh["type"] == "Progressing"
    if before is None:
        return {**fresh, "lastTransitionTime": now, "lastUpdateTime": now}
    if not renewed and all(before.get(k) == v for k, v in fresh.items()):
        return before
    same = before["status"] == fresh["status"]
    transition = before.get("lastTransitionTime", now) if same else now
    return {**fresh, "lastTransitionTime": transition, "lastUpdateTime": now}
