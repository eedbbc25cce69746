"""DaemonSets: one pod on every node that takes it."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers import predicates
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import claim, keys_of_controller, reference_to
from npol_lab.controllers.pods import from_template, is_active, is_going, is_ready
from npol_lab.controllers.rollout import template_hash
from npol_lab.events import Recorder
from npol_lab.registry import Registry
from npol_lab.store import Event

DAEMONSETS = "daemonsets.apps"
HASH = "controller-revision-hash"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class DaemonSets(Controller):
    """Pods are bound by the scheduler, through an affinity to their node, as the real ones."""

    watches = (DAEMONSETS, "pods", "nodes")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, "daemonset-controller")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == DAEMONSETS:
            return [key_of(DAEMONSETS, event.object)]
        if event.resource == "nodes":
            return [key_of(DAEMONSETS, d) for d in self.all(DAEMONSETS)]
        return keys_of_controller(DAEMONSETS, "DaemonSet", event.object)

    def reconcile(self, key: Key) -> None:
        owner = self.one(*key)
        if owner is None:
            return
        selector, pods = owner["spec"]["selector"], self.all("pods", key.namespace)
        own = claim(self.registry, "pods", owner, selector, [p for p in pods if is_active(p)])
        nodes = [n["metadata"]["name"] for n in self.all("nodes") if _takes(owner, n)]
        if not is_going(owner):
            self._place(owner, own, nodes)
        self._write_status(key, owner, own, nodes)

    def _place(self, owner: Obj, own: list[Obj], nodes: list[str]) -> None:
        by_node = {_node_of(p): p for p in own}
        for node in nodes:
            if node not in by_node:
                made = self.registry.create("pods", _pod(owner, node))
                name = made["metadata"]["name"]
                self._events.normal(owner, "SuccessfulCreate", f"Created pod: {name}")
        outdated = [p for p in own if p["metadata"]["labels"].get(HASH) != _hash(owner)]
        stray = [p for p in own if _node_of(p) not in nodes]
        if (owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            outdated = []
        for pod in [*stray, *(outdated[:1] if all(is_ready(p) for p in own) else [])]:
            metadata = pod["metadata"]
            self.registry.delete("pods", metadata["namespace"], metadata["name"])

    def _write_status(self, key: Key, owner: Obj, own: list[Obj], nodes: list[str]) -> None:
        ready = sum(1 for p in own if is_ready(p))
        current = sum(1 for p in own if p["metadata"]["labels"].get(HASH) == _hash(owner))
        status = {
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(own),
            "updatedNumberScheduled": current,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": len(nodes) - ready,
            "numberMisscheduled": sum(1 for p in own if _node_of(p) not in nodes),
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        self.registry.set_status(DAEMONSETS, key.namespace, key.name, status)


def _hash(owner: Obj) -> str:
    return template_hash(owner["spec"]["template"])


def _takes(owner: Obj, node: Obj) -> bool:
    pod = {"metadata": owner["metadata"], "spec": owner["spec"]["template"]["spec"]}
    return predicates.refusal(pod, node, []) is None


def _node_of(pod: Obj) -> str:
    terms = pod["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    return str(terms[0]["matchFields"][0]["values"][0])


def _pod(owner: Obj, node: str) -> Obj:
    pod: Obj = copied(from_template(owner["spec"]["template"], owner, reference_to(owner)))
    pod["metadata"]["labels"][HASH] = _hash(owner)
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    term = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    pod["spec"].setdefault("affinity", {})["nodeAffinity"] = {REQUIRED: term}
    return pod
