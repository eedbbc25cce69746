"""The ends of records by what policies know them by: pods that are alike are one end."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.flow_record import RecordedEnd
from npol.model.observed import EndKind, ObservedEnd

NODES = frozenset({"host", "remote-node"})
OUTSIDE = frozenset({"world", "world-ipv4", "world-ipv6", "kube-apiserver"})

_Labels = Mapping[str, str]


@dataclass(slots=True)
class EndTable:
    """Every end once, by a number: to compare numbers is cheap where records are many."""

    ends: list[ObservedEnd] = field(default_factory=list)
    _numbers: dict[ObservedEnd, int] = field(default_factory=dict)
    _pods: dict[tuple[object, ...], int] = field(default_factory=dict)
    _kept: list[_Labels] = field(default_factory=list)
    """What the keys of `_pods` mean by its identity must live on."""
    _bare: dict[tuple[str, object], int] = field(default_factory=dict)
    """Pods without a workload, by namespace and labels."""

    def number(self, end: ObservedEnd) -> int:
        known = self._numbers.get(end)
        if known is None:
            known = self._numbers[end] = len(self.ends)
            self.ends.append(end)
        return known

    def of_record(self, end: RecordedEnd, node: str) -> int:
        """`node`: the one that told it, by whose name `host` is meant."""
        if end.entities & NODES:
            own = "host" in end.entities and node
            return self.number(
                ObservedEnd(kind=EndKind.NODE, name=own or end.address, address=end.address)
            )
        if end.namespace:
            return self._pod(end)
        outside = end.entities & OUTSIDE
        kind = EndKind.OUTSIDE if outside else EndKind.UNKNOWN
        return self.number(ObservedEnd(kind=kind, name=end.address, address=end.address))

    def _pod(self, end: RecordedEnd) -> int:
        labels, of_namespace = end.labels, end.namespace_labels
        who = end.workload or end.pod
        key = (end.namespace, who, id(labels), id(of_namespace))
        known = self._pods.get(key)
        if known is None:
            self._kept += [labels, of_namespace]
            known = self._pods[key] = self._new_pod(end, who)
        return known

    def _new_pod(self, end: RecordedEnd, who: str) -> int:
        labels = tuple(sorted(end.labels.items()))
        pod = ObservedEnd(
            kind=EndKind.POD,
            namespace=end.namespace,
            name=who,
            labels=labels,
            namespace_labels=tuple(sorted(end.namespace_labels.items())) or None,
        )
        if end.workload or not labels:
            return self.number(pod)
        return self._bare.setdefault((end.namespace, labels), self.number(pod))


def is_of_one_link(address: str) -> bool:
    """Link-local and multicast: neighbour discovery and the like, which no policy is about."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_link_local or parsed.is_multicast
