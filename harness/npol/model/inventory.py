"""The objects that a run looks at, as the cluster returned them at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npol.model.peer_selection import FINISHED, is_debug
from npol.model.probe import PodRef

Obj = Mapping[str, Any]
PLACE = "npol.dev/place"
"""The label of a pod that stands for a place outside; its value is the place's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Raw objects, by kind. Namespaces are all of the cluster's; the rest is of those read."""

    namespaces: tuple[Obj, ...] = ()
    pods: tuple[Obj, ...] = ()
    services: tuple[Obj, ...] = ()
    slices: tuple[Obj, ...] = ()
    policies: tuple[Obj, ...] = ()
    nodes: tuple[Obj, ...] = ()
    workloads: tuple[Obj, ...] = ()
    """Deployments, StatefulSets and DaemonSets."""
    replica_sets: tuple[Obj, ...] = ()
    """Which Deployment a pod is of, its ReplicaSet says."""

    def service(self, namespace: str, name: str) -> Obj | None:
        return find(self.services, namespace, name)

    def pods_of(self, namespace: str) -> Iterator[Obj]:
        """Pods that can send or answer: neither finished nor on their way out."""
        for pod in self.pods:
            phase = (pod.get("status") or {}).get("phase")
            leaving = "deletionTimestamp" in pod["metadata"]
            here = pod["metadata"].get("namespace") == namespace
            if here and not leaving and phase not in FINISHED:
                yield pod

    def workload(self, namespace: str, kind: str, name: str) -> Obj | None:
        return find(self.workloads, namespace, name, kind=kind)


def is_debug_pod(pod: Obj) -> bool:
    """Whether it is a debug pod of some run."""
    return is_debug(pod["metadata"])


def find(objects: Iterable[Obj], namespace: str, name: str, kind: str = "") -> Obj | None:
    """The object of that name; `kind` is compared without regard to case."""
    for obj in objects:
        meta = obj["metadata"]
        same_kind = not kind or str(obj.get("kind", "")).lower() == kind.lower()
        if same_kind and meta["name"] == name and meta.get("namespace", "") == namespace:
            return obj
    return None


def pod_ref(pod: Obj, container: str = "") -> PodRef:
    """The reference to a pod object; its address is "" while it has none."""
    meta, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    containers = spec.get("containers") or [{}]
    labels = meta.get("labels") or {}
    return PodRef(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta.get("uid", ""),
        ip=status.get("podIP", ""),
        other_ips=tuple(entry["ip"] for entry in (status.get("podIPs") or [])[1:]),
        node=spec.get("nodeName", ""),
        container=container or containers[0].get("name", ""),
        labels=labels,
        ready=conditions.get("Ready") == "True",
        host_network=bool(spec.get("hostNetwork")),
    )
