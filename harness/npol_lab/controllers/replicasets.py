"""ReplicaSets: as many pods of a template as wanted."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import (
    claim,
    controller_of,
    keys_of_controller,
    reference_to,
    selects,
)
from npol_lab.controllers.pods import (
    BURST,
    available_in,
    condition,
    from_template,
    is_active,
    is_going,
    is_ready,
    ready_since,
)
from npol_lab.events import Recorder
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Event

REPLICASETS = "replicasets.apps"


class ReplicaSets(Controller):
    """
    Adopts orphans that match, releases what does not, creates and deletes pods.

    Source of the order of deletion: Kubernetes pkg/controller/controller_utils.go,
    ActivePodsWithRanks.
    """

    watches = ("pods", REPLICASETS)

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, "replicaset-controller")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == REPLICASETS:
            return [key_of(REPLICASETS, event.object)]
        found: list[Key] = []
        for pod in (event.object, event.old):
            if pod is not None:
                found += self._interested(pod)
        return found

    def _interested(self, pod: Obj) -> list[Key]:
        if controller_of(pod) is not None:
            return keys_of_controller(REPLICASETS, "ReplicaSet", pod)
        sets = self.all(REPLICASETS, pod["metadata"]["namespace"])
        return [key_of(REPLICASETS, s) for s in sets if selects(s["spec"].get("selector"), pod)]

    def reconcile(self, key: Key) -> None:
        owner = self.one(*key)
        if owner is None:
            return
        pods = claim(
            self.registry,
            "pods",
            owner,
            owner["spec"]["selector"],
            [p for p in self.all("pods", key.namespace) if is_active(p)],
        )
        pods = [p for p in pods if is_active(p)]
        failure = None if is_going(owner) else self._scale(owner, pods)
        self._write_status(key, owner, pods, failure)
        if failure is not None:
            raise failure

    def _scale(self, owner: Obj, pods: list[Obj]) -> StatusError | None:
        wanted = owner["spec"].get("replicas", 1)
        for pod in sorted(pods, key=_deletion_order)[: max(0, len(pods) - wanted)]:
            metadata = pod["metadata"]
            uid = metadata["uid"]
            self.registry.delete("pods", metadata["namespace"], metadata["name"], uid=uid)
            self._events.normal(owner, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")
        try:
            for _ in range(min(wanted - len(pods), BURST)):
                self._create_pod(owner)
        except StatusError as error:
            self._events.warning(owner, "FailedCreate", f"Error creating: {error.message}")
            return error
        return None

    def _create_pod(self, owner: Obj) -> None:
        pod = from_template(owner["spec"]["template"], owner, reference_to(owner))
        made = self.registry.create("pods", copied(pod))
        name = made["metadata"]["name"]
        self._events.normal(owner, "SuccessfulCreate", f"Created pod: {name}")

    def _write_status(
        self, key: Key, owner: Obj, pods: list[Obj], failure: StatusError | None
    ) -> None:
        minimum, now = owner["spec"].get("minReadySeconds", 0), self.clock()
        template = owner["spec"]["template"].get("metadata", {}).get("labels") or {}
        waits = [available_in(p, minimum, now) for p in pods]
        status: Obj = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(1 for p in pods if _has_labels(p, template)),
            "readyReplicas": sum(1 for p in pods if is_ready(p)),
            "availableReplicas": sum(1 for wait in waits if wait == 0),
            "observedGeneration": owner["metadata"].get("generation", 1),
            "conditions": _conditions(owner, failure),
        }
        self.registry.set_status(REPLICASETS, key.namespace, key.name, status)
        soonest = min((wait for wait in waits if wait), default=None)
        if soonest is not None:
            self.look_later(key, soonest)


def _has_labels(pod: Obj, labels: Obj) -> bool:
    own = pod["metadata"].get("labels") or {}
    return all(own.get(k) == v for k, v in labels.items())


def _conditions(owner: Obj, failure: StatusError | None) -> list[Obj]:
    """One that stands is kept: messages name the pod, and each try has a new name."""
    if failure is None:
        return []
    standing = condition(owner, "ReplicaFailure")
    fresh = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
    return [standing or {**fresh, "message": failure.message}]


def _deletion_order(pod: Obj) -> tuple[bool, bool, bool, float, str]:
    """First to go: not bound, not running, not ready, ready for the shortest time."""
    status = pod.get("status", {})
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        is_ready(pod),
        -(ready_since(pod) or 0.0),
        pod["metadata"]["name"],
    )
