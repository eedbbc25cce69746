"""The peers of a suggested story: pods and places, each under one name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

from npol.model.peer_selection import lasting
from npol.policy.objects.entities import End, Pod, Service, Traffic
from npol.policy.state.cluster_state import ClusterState
from npol.policy.suggest.who_asks import is_debug_pod
from npol.selectors import Labels, keys_of

LONGEST = 63
"""Characters of a peer's name in a story."""
_OF_A_RELEASE = (
    "helm.sh/chart",
    "chart",
    "heritage",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
)
"""Labels that change with every release; a peer bears them only where something selects by them."""


@dataclass(slots=True)
class Cast:
    """Peers by what they are; the same pods are never named twice."""

    world: ClusterState
    names: dict[str, str] = field(default_factory=dict)
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked_as_pods: set[str] = field(default_factory=set)
    """Peers of which a flow asks the pods: no Service may come between."""
    selecting: frozenset[str] = frozenset()
    """The label keys that policies and Services select by."""

    def __post_init__(self) -> None:
        self.selecting = frozenset(_keys(self.world))

    def pod(self, pod: Pod) -> str:
        """A pod as source and target, through the first of its Services if it has one."""
        services = self.world.services_of(pod)
        return self._peer(pod, services[0].name if services else "")

    def source(self, end: End) -> str:
        """The peer that asks: any that has these labels already, whatever its Service is."""
        if not isinstance(end, Pod):
            return self.place()
        if not is_debug_pod(end):
            own = {"workload": end.workload} if end.workload else {"pod": end.name}
            return self._named({"namespace": end.namespace, **own}, f"{_name_of(end)}-itself")
        labels = self._labels(end.labels)
        for name, entry in self.peers.items():
            if (entry.get("namespace"), entry.get("labels")) == (end.namespace, labels):
                return name
        return self._peer(end, "")

    def target(self, end: End, traffic: Traffic) -> str:
        """The peer that is asked: the Service of the traffic, else the pods by their labels."""
        if not isinstance(end, Pod):
            return self.place()
        if not isinstance(traffic.target, Service):
            name = self._peer(end, "", "-pods")
            self.asked_as_pods.add(name)
            return name
        return self._peer(end, traffic.target.name)

    def place(self) -> str:
        return self._named({"external": "internet"}, "internet")

    def address(self, address: str) -> str:
        """A place that has no other name."""
        name = re.sub(r"[^0-9a-z]+", "-", address.lower()).strip("-")
        return self._named({"address": address}, f"at-{name}")

    def _peer(self, pod: Pod, service: str, suffix: str = "") -> str:
        entry: dict[str, Any] = {"namespace": pod.namespace, "labels": self._labels(pod.labels)}
        if service:
            self._give_service(entry, service)
            entry["service"] = service
        return self._named(entry, _name_of(pod)[: LONGEST - len(suffix)] + suffix)

    def _give_service(self, entry: dict[str, Any], service: str) -> None:
        """A peer that only asks so far is reached through the Service from now on."""
        key = _key(entry)
        name = self.names.get(key, "")
        if name and name not in self.asked_as_pods and not self.peers[name].get("service"):
            del self.names[key]
            self.peers[name]["service"] = service
            self.names[_key(self.peers[name])] = name

    def _labels(self, labels: Labels) -> dict[str, str]:
        kept = lasting(labels)
        return {k: v for k, v in kept.items() if k not in _OF_A_RELEASE or k in self.selecting}

    def _named(self, entry: dict[str, Any], name: str) -> str:
        key = _key(entry)
        if key not in self.names:
            for more in (entry.get("service", ""), entry.get("namespace", "")):
                if name in self.peers and more and not name.endswith(f"-{more}"):
                    name = f"{name}-{more}" if more != name else name
            name = next(n for n in _candidates(name) if n not in self.peers)
            self.names[key] = name
            self.peers[name] = entry
        return self.names[key]


def _candidates(name: str) -> Iterator[str]:
    """The name as a story takes it, and what it is called where that is another peer's."""
    for more in chain([""], (f"-{number}" for number in count(2))):
        yield name[: LONGEST - len(more)].rstrip("-.") + more


def _key(entry: dict[str, Any]) -> str:
    return repr(sorted(entry.items()))


def _keys(world: ClusterState) -> Iterable[str]:
    for policy in world.policies:
        yield from keys_of(policy.selector)
        for rule in policy.all_rules:
            for peer in rule.peers:
                yield from keys_of(peer.pod_selector or {})
    for service in world.services:
        yield from service.selector or {}


def _name_of(pod: Pod) -> str:
    if not pod.labels:
        return f"stranger-{pod.namespace}"
    if pod.workload:
        return pod.workload.partition("/")[2]
    for key in ("app", "app.kubernetes.io/name", "k8s-app", "tier", "role"):
        if key in pod.labels:
            return pod.labels[key]
    key = min(pod.labels)
    return (pod.labels[key] if pod.labels[key] != "true" else key.rpartition("/")[2]).lower()
