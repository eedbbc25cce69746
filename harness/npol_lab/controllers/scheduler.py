"""The scheduler: each pod to the node with the fewest, among those it may run on."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj
from npol_lab.clock import timestamp
from npol_lab.controllers import predicates
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.pods import is_finished, is_going
from npol_lab.events import Recorder
from npol_lab.registry import Registry
from npol_lab.store import Event

NAME = "default-scheduler"


class Scheduler(Controller):
    """Writes `spec.nodeName` and the condition PodScheduled."""

    watches = ("pods", "nodes")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, NAME)

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == "pods" and event.type != "DELETED":
            return [key_of("pods", event.object)] if _waits(event.object) else []
        if event.resource == "nodes" or event.object["spec"].get("nodeName"):
            return [key_of("pods", p) for p in self.all("pods") if _waits(p)]
        return []

    def reconcile(self, key: Key) -> None:
        pod = self.one(*key)
        if pod is None or not _waits(pod):
            return
        if pod["spec"].get("schedulingGates"):
            message = "Scheduling is blocked due to non-empty scheduling gates"
            self._not_scheduled(pod, "SchedulingGated", message)
            return
        pods = [p for p in self.all("pods") if not is_finished(p)]
        reasons: dict[str, int] = {}
        fitting = []
        for node in self.all("nodes"):
            why = predicates.refusal(pod, node, pods)
            if why is None:
                fitting.append(node)
            else:
                reasons[why] = reasons.get(why, 0) + 1
        if fitting:
            self._bind(pod, predicates.best(pod, fitting, pods))
        else:
            self._refuse(pod, reasons)

    def _bind(self, pod: Obj, node: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.registry.bind(namespace, name, node)
        text = f"Successfully assigned {namespace}/{name} to {node}"
        self._events.normal(pod, "Scheduled", text)

    def _refuse(self, pod: Obj, reasons: dict[str, int]) -> None:
        total = sum(reasons.values())
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        message = f"0/{total} nodes are available: {why}." if total else "no nodes available"
        if self._not_scheduled(pod, "Unschedulable", message):
            self._events.warning(pod, "FailedScheduling", message)

    def _not_scheduled(self, pod: Obj, reason: str, message: str) -> bool:
        """Whether it has changed."""
        metadata = pod["metadata"]
        current = self.registry.get("pods", metadata["namespace"], metadata["name"])
        conditions = current.get("status", {}).get("conditions") or []
        fresh = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        if any(all(c.get(k) == v for k, v in fresh.items()) for c in conditions):
            return False
        kept = [c for c in conditions if c["type"] != "PodScheduled"]
        stamps = {"lastProbeTime": None, "lastTransitionTime": timestamp(self.clock())}
        self.registry.set_status(
            "pods",
            metadata["namespace"],
            metadata["name"],
            {"conditions": [*kept, fresh | stamps]},
        )
        return True


def _waits(pod: Obj) -> bool:
    spec = pod["spec"]
    own = spec.get("schedulerName", NAME) == NAME
    return own and not spec.get("nodeName") and not is_going(pod) and not is_finished(pod)
