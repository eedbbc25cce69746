"""What the pods of a Job have logged as their last line: the reports of `npol run --report -`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol import target_cluster
from npol.errors import InputError
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection, connect
from npol.kube.objects import JOBS, PODS, Object, Ref
from npol.kube.retry import Clock
from npol.model.result import StoryReport
from npol.report.json import reports_of_log

INDEX = "batch.kubernetes.io/job-completion-index"
CONTAINER = "npol"
"""Beside it there may be those that a mesh puts in."""
ASK_EVERY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReports:
    """What was found, and a line for each part of the Job that has no report."""

    reports: Sequence[StoryReport]
    missing: Sequence[str]


def reports_of_job(
    name: str, *, namespace: str, wait: float, kubeconfig: str | None, context: str | None
) -> JobReports:
    """
    The reports of all pods of a Job.

    Raises:
        InputError: no context is named, or there is no such Job.
    """
    chosen = target_cluster.required("npol report --job", kubeconfig, context)
    connection = connect(kubeconfig=chosen.kubeconfig, context=chosen.context)
    return collected(connection, Ref(JOBS, namespace, name), wait=wait, clock=connection.clock)


def collected(connection: Connection, ref: Ref, *, wait: float, clock: Clock) -> JobReports:
    """
    Raises:
        InputError: there is no such Job.
    """
    job = _ended(connection, ref, wait, clock)
    pods = [
        pod
        for pod in connection.list(PODS, ref.namespace, selector=f"job-name={ref.name}")
        if job["metadata"]["uid"] in (o["uid"] for o in pod["metadata"].get("ownerReferences", ()))
    ]
    reports: list[StoryReport] = []
    missing: list[str] = []
    for index in range(job["spec"].get("completions") or 1):
        found, seen = _of_index(connection, pods, index)
        reports += found or ()
        if found is None:
            missing.append(f"part {index} of {ref} has no report: {seen}")
    return JobReports(reports=sorted(reports, key=lambda r: r.path), missing=missing)


def _ended(connection: Connection, ref: Ref, wait: float, clock: Clock) -> Object:
    """The Job when it has ended, or as it is when time is up."""
    until = clock.now() + wait
    while True:
        job = connection.get(ref)
        if job is None:
            raise InputError(f"there is no {ref}", hint="-n NAMESPACE says where it is")
        conditions = job.get("status", {}).get("conditions") or ()
        true = {c["type"] for c in conditions if c["status"] == "True"}
        if true & {"Complete", "Failed"} or clock.now() >= until:
            return job
        clock.sleep(ASK_EVERY)


def _of_index(
    connection: Connection, pods: Sequence[Object], index: int
) -> tuple[list[StoryReport] | None, str]:
    """The reports of one part, by the newest of its pods that has any; else what was seen."""
    own = [p for p in pods if int(p["metadata"].get("annotations", {}).get(INDEX, 0)) == index]
    own.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
    seen = []
    for pod, log in _logs(connection, own):
        try:
            found, trouble = reports_of_log(log), f"says last: {_last_line(log)}"
        except InputError:
            found, trouble = None, "has logged one that is cut or damaged"
        if found is not None:
            return found, ""
        phase = pod.get("status", {}).get("phase", "unknown")
        seen.append(f"pod {pod['metadata']['name']} ({phase}) {trouble}")
    return None, "; ".join(seen) or "no pod of it is there"


def _last_line(log: str) -> str:
    return next((line for line in reversed(log.splitlines()) if line.strip()), "nothing")


def _logs(connection: Connection, pods: Sequence[Object]) -> Iterator[tuple[Object, str]]:
    """
    Whole logs, not their tails: a kubelet keeps a long line in pieces and counts each of them.
    """
    for pod in pods:
        names = [c["name"] for c in pod["spec"]["containers"]]
        container = CONTAINER if CONTAINER in names else names[0]
        path = PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "log")
        query = {"container": container}
        try:
            yield pod, str(connection.raw("GET", path, query=query, as_text=True))
        except ApiError as error:  # it has not begun, or its node is gone
            yield pod, str(error)
