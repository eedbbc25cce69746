"""The peers of a suggested story: pods and places, each under one name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from npol.policy.explain.fixes import lasting
from npol.policy.objects.entities import End, ExternalEndpoint, Pod
from npol.policy.state.cluster_state import ClusterState


@dataclass(slots=True)
class Cast:
    """Peers by what they are; the same pods are never named twice."""

    world: ClusterState
    names: dict[str, str] = field(default_factory=dict)
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pod(self, pod: Pod) -> str:
        labels = lasting(pod.labels)
        entry: dict[str, Any] = {"namespace": pod.namespace, "labels": labels}
        if services := self.world.services_of(pod):
            entry["service"] = services[0].name
        return self._named(entry, _name_of(pod))

    def place(self, place: ExternalEndpoint) -> str:
        if not place.addresses:
            return self._named({"external": "internet"}, "internet")
        return self._named({"address": str(place.addresses[0])}, f"outside-{len(self.peers)}")

    def end(self, end: End) -> str:
        return self.pod(end) if isinstance(end, Pod) else self.place(_as_place(end))

    def _named(self, entry: dict[str, Any], name: str) -> str:
        key = repr(sorted(entry.items()))
        if key not in self.names:
            if name in self.peers:
                name = f"{name}-{entry.get('namespace', len(self.peers))}"
            while name in self.peers:
                name += "-2"
            self.names[key] = name
            self.peers[name] = entry
        return self.names[key]


def _as_place(end: End) -> ExternalEndpoint:
    return (
        end
        if isinstance(end, ExternalEndpoint)
        else ExternalEndpoint(name=end.name, addresses=end.addresses)
    )


def _name_of(pod: Pod) -> str:
    labels = pod.labels
    for key in ("app", "app.kubernetes.io/name", "k8s-app", "tier", "role"):
        if key in labels:
            return labels[key]
    return pod.workload.partition("/")[2] or pod.name
