"""Columns of pods and of what makes them."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol_lab.api.tables.column import (
    AGE,
    NAME,
    NONE,
    Column,
    at,
    human,
    joined,
    seconds_since,
    selector,
    since,
)


def _template_containers(obj: Obj) -> list[Obj]:
    return list(obj["spec"].get("template", {}).get("spec", {}).get("containers") or [])


CONTAINERS = (
    Column("Containers", lambda o: joined(c["name"] for c in _template_containers(o)), True),
    Column("Images", lambda o: joined(c.get("image", "") for c in _template_containers(o)), True),
)
SELECTOR = Column("Selector", lambda o: selector(o["spec"].get("selector")), True)


def _statuses(pod: Obj, key: str = "containerStatuses") -> list[Obj]:
    return list(pod.get("status", {}).get(key) or [])


def pod_ready(pod: Obj) -> str:
    """Sidecars count, other init containers do not."""
    spec = pod["spec"]
    initial = spec.get("initContainers") or []
    sidecars = {c["name"] for c in initial if c.get("restartPolicy") == "Always"}
    aside = [s for s in _statuses(pod, "initContainerStatuses") if s["name"] in sidecars]
    ready = sum(1 for s in (*_statuses(pod), *aside) if s.get("ready"))
    return f"{ready}/{len(spec.get('containers') or []) + len(sidecars)}"


def pod_status(pod: Obj) -> str:
    """One word for a pod, as `printPod` finds it (kubernetes `pkg/printers/internalversion`)."""
    status = pod.get("status", {})
    word = status.get("reason") or status.get("phase") or "Unknown"
    if word == "Pending" and _is_gated(status):
        word = "SchedulingGated"
    initial = _initial_word(pod)
    word = initial or _container_word(pod, word)
    if "deletionTimestamp" in pod["metadata"]:
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return word


def _is_gated(status: Obj) -> bool:
    return any(c.get("reason") == "SchedulingGated" for c in status.get("conditions") or [])


def _initial_word(pod: Obj) -> str:
    total = len(pod["spec"].get("initContainers") or [])
    for i, status in enumerate(_statuses(pod, "initContainerStatuses")):
        state = status.get("state", {})
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if ended is not None:
            return f"Init:{_ending(ended)}"
        reason = waiting.get("reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{i}/{total}"
    return ""


def _container_word(pod: Obj, word: str) -> str:
    running = False
    for status in reversed(_statuses(pod)):
        state = status.get("state", {})
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            word = waiting["reason"]
        elif ended is not None:
            word = _ending(ended)
        elif status.get("ready") and "running" in state:
            running = True
    if word == "Completed" and running:
        ready = any(
            c.get("type") == "Ready" and c.get("status") == "True"
            for c in pod["status"].get("conditions") or []
        )
        return "Running" if ready else "NotReady"
    return word


def _ending(ended: Obj) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def pod_restarts(pod: Obj) -> str:
    statuses = _statuses(pod)
    count = sum(s.get("restartCount", 0) for s in statuses)
    ends = [s.get("lastState", {}).get("terminated", {}).get("finishedAt") for s in statuses]
    last = max((e for e in ends if e), default=None)
    return f"{count} ({since(last)} ago)" if count and last else str(count)


def _readiness_gates(pod: Obj) -> str:
    gates = pod["spec"].get("readinessGates") or []
    if not gates:
        return NONE
    conditions = pod.get("status", {}).get("conditions") or []
    true = {c["type"] for c in conditions if c.get("status") == "True"}
    return f"{sum(1 for g in gates if g['conditionType'] in true)}/{len(gates)}"


def _job_status(job: Obj) -> str:
    for condition in job.get("status", {}).get("conditions") or []:
        if condition.get("status") == "True" and condition["type"] in (
            "Complete",
            "Failed",
            "Suspended",
            "FailureTarget",
            "SuccessCriteriaMet",
        ):
            return str(condition["type"])
    return "Terminating" if "deletionTimestamp" in job["metadata"] else "Running"


def _job_duration(job: Obj) -> str:
    status = job.get("status", {})
    if not status.get("startTime"):
        return ""
    taken = seconds_since(status["startTime"])
    if status.get("completionTime"):
        taken -= seconds_since(status["completionTime"])
    return human(taken)


def _completions(job: Obj) -> str:
    done = job.get("status", {}).get("succeeded", 0)
    wanted = job["spec"].get("completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = job["spec"].get("parallelism", 1)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _ready_of(obj: Obj) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


def _of_status(title: str, key: str) -> Column:
    return Column(title, at("status", key, default=0), type="integer")


def _node_selector(obj: Obj) -> str:
    return selector(obj["spec"].get("template", {}).get("spec", {}).get("nodeSelector"))


WORKLOADS: dict[str, tuple[Column, ...]] = {
    "pods": (
        NAME,
        Column("Ready", pod_ready),
        Column("Status", pod_status),
        Column("Restarts", pod_restarts),
        AGE,
        Column("IP", at("status", "podIP", default=NONE), True),
        Column("Node", at("spec", "nodeName", default=NONE), True),
        Column("Nominated Node", at("status", "nominatedNodeName", default=NONE), True),
        Column("Readiness Gates", _readiness_gates, True),
    ),
    "deployments.apps": (
        NAME,
        Column("Ready", _ready_of),
        Column("Up-to-date", at("status", "updatedReplicas", default=0)),
        Column("Available", at("status", "availableReplicas", default=0)),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    "replicasets.apps": (
        NAME,
        Column("Desired", at("spec", "replicas", default=0), type="integer"),
        _of_status("Current", "replicas"),
        _of_status("Ready", "readyReplicas"),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    "statefulsets.apps": (NAME, Column("Ready", _ready_of), AGE, *CONTAINERS),
    "daemonsets.apps": (
        NAME,
        _of_status("Desired", "desiredNumberScheduled"),
        _of_status("Current", "currentNumberScheduled"),
        _of_status("Ready", "numberReady"),
        _of_status("Up-to-date", "updatedNumberScheduled"),
        _of_status("Available", "numberAvailable"),
        Column("Node Selector", _node_selector),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    "jobs.batch": (
        NAME,
        Column("Status", _job_status),
        Column("Completions", _completions),
        Column("Duration", _job_duration),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    "cronjobs.batch": (
        NAME,
        Column("Schedule", at("spec", "schedule")),
        Column("Timezone", at("spec", "timeZone", default=NONE)),
        Column("Suspend", lambda o: str(o["spec"].get("suspend", False))),
        Column("Active", lambda o: len(o.get("status", {}).get("active") or []), type="integer"),
        Column("Last Schedule", lambda o: since(o.get("status", {}).get("lastScheduleTime"))),
        AGE,
    ),
    "horizontalpodautoscalers.autoscaling": (
        NAME,
        Column(
            "Reference",
            lambda o: "{kind}/{name}".format_map(o["spec"].get("scaleTargetRef", {})),
        ),
        Column("Targets", lambda o: UNKNOWN_TARGETS),
        Column("MinPods", lambda o: str(o["spec"].get("minReplicas", 1))),
        Column("MaxPods", at("spec", "maxReplicas"), type="integer"),
        _of_status("Replicas", "currentReplicas"),
        AGE,
    ),
    "poddisruptionbudgets.policy": (
        NAME,
        Column("Min Available", lambda o: str(o["spec"].get("minAvailable", "N/A"))),
        Column("Max Unavailable", lambda o: str(o["spec"].get("maxUnavailable", "N/A"))),
        _of_status("Allowed Disruptions", "disruptionsAllowed"),
        AGE,
    ),
}
UNKNOWN_TARGETS = "<unknown>"
