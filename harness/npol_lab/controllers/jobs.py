"""Jobs: pods that run to their end."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.clock import parse_timestamp, timestamp
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import is_controlled_by, keys_of_controller, reference_to
from npol_lab.controllers.pods import (
    BURST,
    condition,
    from_template,
    is_active,
    is_going,
    is_ready,
)
from npol_lab.events import Recorder
from npol_lab.registry import Registry
from npol_lab.store import Event

JOBS = "jobs.batch"
UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"


class Jobs(Controller):
    """completions, parallelism, backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished."""

    watches = (JOBS, "pods")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, "job-controller")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == JOBS:
            return [key_of(JOBS, event.object)]
        return keys_of_controller(JOBS, "Job", event.object)

    def reconcile(self, key: Key) -> None:
        job = self.one(*key)
        if job is None or is_going(job):
            return
        if _finished_at(job) is not None:
            self._expire(key, job)
            return
        pods = [p for p in self.all("pods", key.namespace) if is_controlled_by(p, job)]
        verdict = self._verdict(key, job, pods)
        if verdict is None:
            self._start_pods(job, pods)
        else:
            self._stop_pods(pods)
        self._write_status(key, job, verdict)

    def _verdict(self, key: Key, job: Obj, pods: list[Obj]) -> Obj | None:
        """The condition that ends the job, or None while it goes on."""
        spec = job["spec"]
        succeeded, failed = _phases(pods, "Succeeded"), _phases(pods, "Failed")
        wanted = spec.get("completions")
        if succeeded >= (1 if wanted is None else wanted):
            return {
                "type": "Complete",
                "reason": "CompletionsReached",
                "message": "Reached expected number of succeeded pods",
            }
        if failed + _restarts(pods) > spec.get("backoffLimit", 6):
            message = "Job has reached the specified backoff limit"
            return {"type": "Failed", "reason": "BackoffLimitExceeded", "message": message}
        deadline = spec.get("activeDeadlineSeconds")
        started = job.get("status", {}).get("startTime")
        if deadline is not None and started:
            left = parse_timestamp(started) + deadline - self.clock()
            if left <= 0:
                message = "Job was active longer than specified deadline"
                return {"type": "Failed", "reason": "DeadlineExceeded", "message": message}
            self.look_later(key, left)
        return None

    def _start_pods(self, job: Obj, pods: list[Obj]) -> None:
        spec = job["spec"]
        if spec.get("suspend"):
            return
        wanted = spec.get("completions")
        missing = (1 if wanted is None else wanted) - _phases(pods, "Succeeded")
        active = sum(1 for p in pods if is_active(p))
        for _ in range(min(min(spec.get("parallelism", 1), missing) - active, BURST)):
            made = self.registry.create("pods", self._pod(job))
            name = made["metadata"]["name"]
            self._events.normal(job, "SuccessfulCreate", f"Created pod: {name}")

    def _pod(self, job: Obj) -> Obj:
        pod: Obj = copied(from_template(job["spec"]["template"], job, reference_to(job)))
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        own = {NAME_LABEL: name, "job-name": name, UID_LABEL: uid, "controller-uid": uid}
        pod["metadata"]["labels"] |= own
        return pod

    def _stop_pods(self, pods: list[Obj]) -> None:
        for pod in pods:
            if is_active(pod):
                metadata = pod["metadata"]
                self.registry.delete("pods", metadata["namespace"], metadata["name"])

    def _write_status(self, key: Key, job: Obj, verdict: Obj | None) -> None:
        pods = [
            p for p in self.registry.store.list("pods", key.namespace) if is_controlled_by(p, job)
        ]
        now = timestamp(self.clock())
        status: Obj = {
            "active": sum(1 for p in pods if is_active(p)),
            "ready": sum(1 for p in pods if is_active(p) and is_ready(p)),
            "succeeded": _phases(pods, "Succeeded"),
            "failed": _phases(pods, "Failed"),
            "startTime": job.get("status", {}).get("startTime") or now,
        }
        if verdict is not None:
            stamps = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
            first = "SuccessCriteriaMet" if verdict["type"] == "Complete" else "FailureTarget"
            status["conditions"] = [verdict | stamps | {"type": first}, verdict | stamps]
            reason, message = ("Completed", "Job completed")
            if verdict["type"] == "Complete":
                status["completionTime"] = now
                self._events.normal(job, reason, message)
            else:
                self._events.warning(job, verdict["reason"], verdict["message"])
        self.registry.set_status(JOBS, key.namespace, key.name, status)

    def _expire(self, key: Key, job: Obj) -> None:
        after, finished = job["spec"].get("ttlSecondsAfterFinished"), _finished_at(job)
        if after is None or finished is None:
            return
        left = finished + after - self.clock()
        if left > 0:
            self.look_later(key, left)
        else:
            self.registry.delete(JOBS, key.namespace, key.name, propagation="Background")


def _phases(pods: list[Obj], phase: str) -> int:
    return sum(1 for p in pods if p.get("status", {}).get("phase") == phase)


def _restarts(pods: list[Obj]) -> int:
    """With restartPolicy OnFailure the pod stays and its containers are counted."""
    return sum(
        c.get("restartCount", 0)
        for p in pods
        if p["spec"].get("restartPolicy") == "OnFailure"
        for c in p.get("status", {}).get("containerStatuses") or []
    )


def _finished_at(job: Obj) -> float | None:
    for kind in ("Complete", "Failed"):
        found = condition(job, kind)
        if found is not None and found["status"] == "True":
            return parse_timestamp(found["lastTransitionTime"])
    return None
