"""Why a workload is not ready, in the words of its pods and of the events about them."""

from __future__ import annotations

from collections.abc import Sequence

from npol.errors import NpolError
from npol.kube.connection import Connection
from npol.kube.objects import EVENTS, PODS, Object
from npol.model.change import Manifest
from npol.model.inventory import pod_ref
from npol.probe.pod_startup import hopeless, last_warning, waits_for
from npol.selectors import spell


def why_not_ready(connection: Connection, workload: Manifest) -> str:
    """
    What its pods wait for, or what stands against making them; "" where it cannot be told.

    Only a run that gives up asks: events are many, and the right to read them may be missing.
    """
    try:
        live = connection.get(connection.ref_of(workload.body))
        pods = _pods(connection, live) if live else []
        events = connection.list(EVENTS, workload.namespace, fields="type=Warning")
    except NpolError:
        return ""
    waiting = [pod for pod in pods if not pod_ref(pod).ready]
    reasons = (_of_pod(pod, events) for pod in waiting)
    return next(filter(None, reasons), "") or _of_owner(workload.name, events)


def _pods(connection: Connection, live: Object) -> list[Object]:
    if live["kind"] == "Pod":
        return [live]
    selector = spell(live["spec"]["selector"])
    return connection.list(PODS, live["metadata"]["namespace"], selector=selector)


def _of_pod(pod: Object, events: Sequence[Object]) -> str:
    reason = hopeless(pod, 0.0) or waits_for(pod)
    reason = reason or last_warning(events, pod["metadata"]["uid"])
    return f"{reason} (pod {pod['metadata']['name']})" if reason else ""


def _of_owner(name: str, events: Sequence[Object]) -> str:
    """A quota or a webhook lets a ReplicaSet make no pods: the event is about that."""
    about = [e for e in events if str((e.get("involvedObject") or {}).get("name")).startswith(name)]
    return last_warning(about, about[-1]["involvedObject"].get("uid", "")) if about else ""
