"""
A pod's status, from the states of its containers.

Source of the rules and words: Kubernetes pkg/kubelet/kubelet_pods.go (getPhase) and
pkg/kubelet/status/generate.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from npol.api_rules.objects import Obj

Conditions = list[dict[str, Any]]
OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
"""The conditions that the kubelet writes; readiness gates and PodScheduled are others'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a node knows of one of its pods."""

    init: Conditions
    """Container statuses, in the order of the spec."""
    main: Conditions
    pod_ips: Sequence[str]
    host_ips: Sequence[str]
    started_at: str
    failure: tuple[str, str] | None = None
    """(reason, message) when the node ended the pod, such as DeadlineExceeded."""
    ending: bool = False
    """No container will be started again."""
    sandboxed: bool = True
    ephemeral: Conditions = field(default_factory=list)


def pod_status(pod: Obj, seen: Seen, now: str) -> Obj:
    """The whole status; conditions of others are kept."""
    phase = _phase(pod["spec"], seen)
    status: Obj = {
        "phase": phase,
        "conditions": _conditions(pod, seen, phase, now),
        "hostIP": seen.host_ips[0],
        "hostIPs": [{"ip": ip} for ip in seen.host_ips],
        "startTime": seen.started_at,
        "containerStatuses": seen.main,
        "qosClass": qos_class(pod["spec"]),
    }
    if seen.pod_ips:
        status |= {"podIP": seen.pod_ips[0], "podIPs": [{"ip": ip} for ip in seen.pod_ips]}
    if seen.init:
        status["initContainerStatuses"] = seen.init
    if seen.ephemeral:
        status["ephemeralContainerStatuses"] = seen.ephemeral
    if seen.failure:
        status["reason"], status["message"] = seen.failure
    return status


def _is_sidecar(container: Obj) -> bool:
    return container.get("restartPolicy") == "Always"


def _phase(spec: Obj, seen: Seen) -> str:
    if seen.failure:
        return "Failed"
    states = [_kind(s) for s in seen.main]
    if _init_failed(spec, seen) and spec.get("restartPolicy") == "Never":
        return "Failed"
    if not _initialized(spec, seen) or "waiting" in states or not states:
        return "Pending"
    if "running" in states:
        return "Running"
    codes = [_exit_code(s) for s in seen.main]
    policy = spec.get("restartPolicy", "Always")
    if policy == "Always" and not seen.ending:
        return "Running"
    if not any(codes):
        return "Succeeded"
    return "Failed" if policy == "Never" or seen.ending else "Running"


def _kind(status: Obj) -> str:
    """`running`, `stopped` (also while it waits to be started again) or `waiting`."""
    state = status["state"]
    if "running" in state:
        return "running"
    if "terminated" in state or "terminated" in status.get("lastState", {}):
        return "stopped"
    return "waiting"


def _exit_code(status: Obj) -> int:
    ended = status["state"].get("terminated") or status.get("lastState", {}).get("terminated")
    return int(ended["exitCode"]) if ended else 0


def _init_failed(spec: Obj, seen: Seen) -> bool:
    pairs = zip(spec.get("initContainers") or [], seen.init, strict=False)
    return any(
        "terminated" in s["state"] and _exit_code(s) != 0 for c, s in pairs if not _is_sidecar(c)
    )


def _initialized(spec: Obj, seen: Seen) -> bool:
    """All init containers have done their work; once a main one has run they have, too."""
    if any("waiting" not in s["state"] or s.get("lastState") for s in seen.main):
        return True
    return not _incomplete(spec, seen)


def _incomplete(spec: Obj, seen: Seen) -> list[str]:
    pairs = zip(spec.get("initContainers") or [], seen.init, strict=False)
    return [c["name"] for c, s in pairs if not (s.get("started") if _is_sidecar(c) else s["ready"])]


def _conditions(pod: Obj, seen: Seen, phase: str, now: str) -> Conditions:
    old = {c["type"]: c for c in pod.get("status", {}).get("conditions") or []}
    initialized = _initialized_condition(pod["spec"], seen, phase)
    containers = _containers_ready(seen, phase)
    ready = containers if containers["status"] != "True" else _gates(pod["spec"], old)
    fresh = [
        {"type": "PodReadyToStartContainers", "status": _word(seen.sandboxed)},
        {"type": "Initialized", **initialized},
        {"type": "Ready", **ready},
        {"type": "ContainersReady", **containers},
    ]
    if "PodScheduled" not in old:  # nobody scheduled it: its node was given
        fresh.append({"type": "PodScheduled", "status": "True"})
    stamped = [_stamped(condition, old.get(condition["type"]), now) for condition in fresh]
    return stamped + [c for kind, c in old.items() if kind not in OWNED]


def _stamped(condition: Obj, before: Obj | None, now: str) -> Obj:
    same = before is not None and before["status"] == condition["status"]
    moment = before["lastTransitionTime"] if before is not None and same else now
    return {**condition, "lastProbeTime": None, "lastTransitionTime": moment}


def _word(yes: object) -> str:
    return "True" if yes else "False"


def _initialized_condition(spec: Obj, seen: Seen, phase: str) -> Obj:
    if phase == "Succeeded":
        return {"status": "True", "reason": "PodCompleted"}
    if _initialized(spec, seen):
        return {"status": "True"}
    names = " ".join(_incomplete(spec, seen))
    message = f"containers with incomplete status: [{names}]"
    return {"status": "False", "reason": "ContainersNotInitialized", "message": message}


def _containers_ready(seen: Seen, phase: str) -> Obj:
    if phase == "Succeeded":
        return {"status": "False", "reason": "PodCompleted"}
    if phase == "Failed":
        return {"status": "False", "reason": "PodFailed"}
    unready = [s["name"] for s in seen.main if not s["ready"]]
    if not unready:
        return {"status": "True"}
    message = f"containers with unready status: [{' '.join(unready)}]"
    return {"status": "False", "reason": "ContainersNotReady", "message": message}


def _gates(spec: Obj, conditions: dict[str, Obj]) -> Obj:
    messages = []
    for gate in spec.get("readinessGates") or []:
        kind = gate["conditionType"]
        found = conditions.get(kind)
        if found is None:
            messages.append(
                f'corresponding condition of pod readiness gate "{kind}" does not exist.'
            )
        elif found["status"] != "True":
            messages.append(
                f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}'
            )
    if not messages:
        return {"status": "True"}
    message = ", ".join(messages)
    return {"status": "False", "reason": "ReadinessGatesNotReady", "message": message}


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by the requests and limits of all containers."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    resources = [c.get("resources") or {} for c in containers]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    guaranteed = all(_is_guaranteed(r) for r in resources)
    return "Guaranteed" if guaranteed else "Burstable"


def _is_guaranteed(resources: Obj) -> bool:
    limits = resources.get("limits") or {}
    requests = {**limits, **(resources.get("requests") or {})}
    return {"cpu", "memory"} <= set(limits) and all(requests[k] == limits[k] for k in limits)
