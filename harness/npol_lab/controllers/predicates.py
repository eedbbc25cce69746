"""
Which nodes a pod may run on, and which is best.

Required rules only: what is merely preferred is not looked at. The texts are those of
the scheduler's plugins, as FailedScheduling events show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from npol.api_rules.objects import Obj
from npol.api_rules.quantity import amount
from npol.selectors import matches
from npol_lab.controllers.owners import labels_of

HARD = ("NoSchedule", "NoExecute")
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def refusal(pod: Obj, node: Obj, pods: Sequence[Obj]) -> str | None:
    """
    Why a pod may not run on a node, or None.

    Args:
        pods: those of the cluster that have not finished; `affinity` and ports look at them.
    """
    if taint := _untolerated(pod, node):
        if taint["key"] == UNSCHEDULABLE["key"]:
            return "node(s) were unschedulable"
        value = f"{taint['key']}: {taint.get('value', '')}"
        return f"node(s) had untolerated taint {{{value}}}"
    if not _selected(pod, node):
        return "node(s) didn't match Pod's node affinity/selector"
    if _port_taken(pod, node, pods):
        return "node(s) didn't have free ports for the requested pod ports"
    if _is_full(node, pods):
        return "Too many pods"
    return _neighbours(pod, node, pods)


def _untolerated(pod: Obj, node: Obj) -> Obj | None:
    spec = node.get("spec") or {}
    taints = list(spec.get("taints") or [])
    if spec.get("unschedulable") and UNSCHEDULABLE["key"] not in [t["key"] for t in taints]:
        taints.append(UNSCHEDULABLE)
    tolerations = pod["spec"].get("tolerations") or []
    for taint in taints:
        if taint["effect"] in HARD and not any(_tolerates(t, taint) for t in tolerations):
            return dict(taint)
    return None


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool((toleration.get("value") or "") == (taint.get("value") or ""))


def _selected(pod: Obj, node: Obj) -> bool:
    labels = labels_of(node)
    wanted: Mapping[str, str] = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(k) != v for k, v in wanted.items()):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term_matches(term, node) for term in required.get("nodeSelectorTerms") or [])


def _term_matches(term: Obj, node: Obj) -> bool:
    expressions = term.get("matchExpressions") or []
    fields = term.get("matchFields") or []
    if not expressions and not fields:
        return False
    own_fields = {"metadata.name": node["metadata"]["name"]}
    return all(_holds(e, labels_of(node)) for e in expressions) and all(
        _holds(e, own_fields) for e in fields
    )


def _holds(expression: Obj, labels: Mapping[str, str]) -> bool:
    if expression["operator"] not in ("Gt", "Lt"):
        return matches({"matchExpressions": [expression]}, labels)
    value = labels.get(expression["key"], "")
    if not value.lstrip("-").isdigit():
        return False
    limit = int(expression["values"][0])
    return int(value) > limit if expression["operator"] == "Gt" else int(value) < limit


def _port_taken(pod: Obj, node: Obj, pods: Iterable[Obj]) -> bool:
    wanted = _host_ports(pod)
    if not wanted:
        return False
    name = node["metadata"]["name"]
    return any(wanted & _host_ports(p) for p in pods if p["spec"].get("nodeName") == name)


def _host_ports(pod: Obj) -> set[tuple[str, int]]:
    shared = pod["spec"].get("hostNetwork")
    found = set()
    for container in pod["spec"].get("containers") or []:
        for port in container.get("ports") or []:
            number = port.get("hostPort") or (port["containerPort"] if shared else 0)
            if number:
                found.add((port.get("protocol", "TCP"), number))
    return found


def _is_full(node: Obj, pods: Sequence[Obj]) -> bool:
    most = ((node.get("status") or {}).get("allocatable") or {}).get("pods")
    if most is None or len(pods) < (room := amount(most)):
        return False  # whatever node they are on
    name = node["metadata"]["name"]
    return len([p for p in pods if p["spec"].get("nodeName") == name]) >= room


def _neighbours(pod: Obj, node: Obj, pods: Sequence[Obj]) -> str | None:
    """Required pod affinity and anti-affinity; every node of the lab is a zone of its own."""
    affinity = pod["spec"].get("affinity") or {}
    here = [p for p in pods if p["spec"].get("nodeName") == node["metadata"]["name"]]
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in (affinity.get("podAffinity") or {}).get(key) or []:
        anywhere = any(_meant(term, pod, p) for p in pods if p["spec"].get("nodeName"))
        first = not anywhere and _meant(term, pod, pod)
        if not first and not any(_meant(term, pod, p) for p in here):
            return "node(s) didn't match pod affinity rules"
    for term in (affinity.get("podAntiAffinity") or {}).get(key) or []:
        if any(_meant(term, pod, p) for p in here):
            return "node(s) didn't match pod anti-affinity rules"
    return None


def _meant(term: Obj, pod: Obj, other: Obj) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    if "namespaceSelector" not in term and other["metadata"]["namespace"] not in namespaces:
        return False
    return matches(term.get("labelSelector") or {}, labels_of(other))


def best(pod: Obj, nodes: Sequence[Obj], pods: Iterable[Obj]) -> str:
    """Of the nodes that fit, the one with the fewest pods, those like this one counted twice."""
    load: dict[str, int] = {node["metadata"]["name"]: 0 for node in nodes}
    for other in pods:
        name = other["spec"].get("nodeName")
        if name in load:
            load[name] += 2 if _alike(pod, other) else 1
    return min(load, key=lambda name: (load[name], name))


def _alike(pod: Obj, other: Obj) -> bool:
    same = pod["metadata"]["namespace"] == other["metadata"]["namespace"]
    return same and labels_of(pod) == labels_of(other)
