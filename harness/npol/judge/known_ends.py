"""
The pods that flows begin and end at, as the API knows them: what a record is compared with.

A data plane learns of new labels late, and of some it never does: those that no policy selects
by are left out (cilium/cilium pkg/labelsfilter/filter.go, 1.20).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.flow_record import RecordedEnd
from npol.model.inventory import Inventory, Obj

LEFT_OUT = re.compile(
    r"io\.kubernetes|kubernetes\.io|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|batch\.kubernetes\.io/(job-completion-index|controller-uid)|.*beta\.kubernetes\.io|k8s\.io"
    r"|pod-template-(generation|hash)|controller-(revision-hash|uid)|annotation|etcd_node"
    r"|topology\.kubernetes\.io"
)
"""The beginnings of such labels' names."""
NODES = frozenset({"host", "remote-node", "kube-apiserver"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnd:
    """One address of a pod."""

    node: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    host_network: bool = False

    def is_meant_by(self, told: RecordedEnd) -> bool:
        """Whether a record knows this end by the labels that it has."""
        if self.host_network:
            return bool(told.entities & NODES)
        if not told.labels and not told.namespace_labels:
            return not self.labels and bool(told.pod)
        return _same(self.labels, told.labels) and (
            not told.namespace_labels or _same(self.namespace_labels, told.namespace_labels)
        )


KnownEnds = Mapping[str, KnownEnd]
"""By address."""


def known_ends(inventory: Inventory) -> dict[str, KnownEnd]:
    """All pods of an inventory that have an address."""
    spaces = {
        n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in inventory.namespaces
    }
    found: dict[str, KnownEnd] = {}
    for pod in inventory.pods:
        for address in _addresses(pod):
            found[address] = _known(pod, spaces)
    return found


def in_force(told: RecordedEnd, known: KnownEnds) -> bool:
    """Whether a record's end has the API's labels; what is no known pod must not be any."""
    end = known.get(told.address)
    return end.is_meant_by(told) if end else not told.labels


def _known(pod: Obj, spaces: Mapping[str, Mapping[str, str]]) -> KnownEnd:
    meta, spec = pod["metadata"], pod.get("spec") or {}
    return KnownEnd(
        node=spec.get("nodeName", ""),
        labels=meta.get("labels") or {},
        namespace_labels=spaces.get(meta.get("namespace", ""), {}),
        host_network=bool(spec.get("hostNetwork")),
    )


def _addresses(pod: Obj) -> list[str]:
    """A pod that has finished may have left its address to another one."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return []
    return [a for a in (status.get("podIP"), *(i["ip"] for i in status.get("podIPs") or ())) if a]


def _same(labels: Mapping[str, str], told: Mapping[str, str]) -> bool:
    """All that is told is true, and nothing is missing of what would be told."""
    needed = {k: v for k, v in labels.items() if k in told or not LEFT_OUT.match(k)}
    return needed == dict(told)
