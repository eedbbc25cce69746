"""Are the parts that enforce, change or revert policies up?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from npol.cni.catalogue import Agent
from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects, is_component
from npol.kube.objects import PODS
from npol.model.inventory import Obj, pod_ref

TOPIC = "components"
FULL = ("tigera-operator", "calico-system")
"""Namespaces of the operator: where they exist, something runs in them."""


def findings(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    yield from _agents(seen)
    names = [n["metadata"]["name"] for n in seen.inventory.namespaces]
    for namespace in filter(is_component, names):
        if not seen.hidden(PODS):
            yield from _pods(namespace, seen)
    for obj in seen.of_kind("TigeraStatus"):
        yield _tigera(obj)


def _agents(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    for agent in seen.engine.agents:
        text = f"DaemonSet {agent.name}: {agent.ready} of {agent.desired} ready"
        without = _nodes_without(agent, seen)
        if without:
            text += f"; no ready agent on node {', '.join(without)}"
        if agent.ready >= agent.desired > 0 and not without:
            yield DoctorFinding(TOPIC, FindingState.OK, text)
        else:
            hint = "policies are not kept up on nodes without it: kubectl get pods -o wide there"
            yield DoctorFinding(TOPIC, FindingState.PROBLEM, text, hint)


def _nodes_without(agent: Agent, seen: ExaminedObjects) -> list[str]:
    """
    Nodes on which no pod of a DaemonSet is ready, whatever it was told to want.

    Nothing where its pods cannot be read. Windows and virtual nodes have other agents, or none.
    """
    namespace, _, name = agent.name.partition("/")
    pods = [p for p in seen.inventory.pods_of(namespace) if _made_by(p, name)]
    if not pods:
        return []
    kept = {pod_ref(p).node for p in pods if pod_ref(p).ready}
    nodes = [n["metadata"] for n in seen.inventory.nodes]
    return sorted(n["name"] for n in nodes if n["name"] not in kept and _is_linux(n))


def _made_by(pod: Obj, daemon_set: str) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(o.get("kind") == "DaemonSet" and o.get("name") == daemon_set for o in owners)


def _is_linux(node: Obj) -> bool:
    labels = node.get("labels") or {}
    virtual = labels.get("type") == "virtual-kubelet"
    return not virtual and labels.get("kubernetes.io/os", "linux") == "linux"


def _pods(namespace: str, seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    pods = list(seen.inventory.pods_of(namespace))
    waiting = [p for p in pods if not pod_ref(p).ready]
    if not pods:
        if namespace in FULL:
            hint = "the operator made nothing: kubectl logs -n tigera-operator"
            yield DoctorFinding(TOPIC, FindingState.PROBLEM, f"no pod in {namespace}", hint)
        return
    text = f"{namespace}: {len(pods) - len(waiting)} of {len(pods)} pods Ready"
    if not waiting:
        yield DoctorFinding(TOPIC, FindingState.OK, text)
        return
    told = ", ".join(f"{p['metadata']['name']} ({_why(p)})" for p in waiting)
    hint = f"kubectl -n {namespace} describe pod {waiting[0]['metadata']['name']}"
    yield DoctorFinding(TOPIC, FindingState.PROBLEM, f"{text}; not: {told}", hint)


def _why(pod: Obj) -> str:
    """`CrashLoopBackOff`, `Pending`, or what else says why it is not Ready."""
    status: Mapping[str, Any] = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return str(waiting["reason"])
    return str(status.get("phase") or "no status")


def _tigera(obj: Obj) -> DoctorFinding:
    name = obj["metadata"]["name"]
    conditions = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or ()}
    degraded, available = conditions.get("Degraded", {}), conditions.get("Available", {})
    if degraded.get("status") == "True" or available.get("status") != "True":
        why = degraded.get("message") or available.get("message") or "not Available"
        hint = f"kubectl describe tigerastatus {name}"
        return DoctorFinding(TOPIC, FindingState.PROBLEM, f"TigeraStatus {name}: {why}", hint)
    return DoctorFinding(TOPIC, FindingState.OK, f"TigeraStatus {name}: Available")
