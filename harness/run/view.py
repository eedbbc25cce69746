"""The cluster as state checks look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.connection import Connection
from harness.cluster.kinds import resource_called
from harness.cluster.objects import PODS, Ref
from harness.model.inventory import Inventory, Obj
from harness.model.probe import Answer, PodRef, Probe
from harness.model.story import Manifest
from harness.run.rounds import GRACE, Asks

LOG_BYTES = 1 << 20
"""The end of a log that is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """`harness.run.checks.View` over a connection and the run's sources."""

    engine: str
    inventory: Inventory
    connection: Connection
    inside: Callable[[PodRef], Asks]

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        resource = resource_called(self.connection, kind)
        return self.connection.get(Ref(resource, namespace if resource.namespaced else "", name))

    def live(self, manifest: Manifest) -> Obj | None:
        return self.connection.get(self.connection.ref_of(manifest.body))

    def log(self, pod: PodRef, container: str) -> str:
        path = PODS.path(pod.namespace, pod.name, "log")
        query = {"container": container, "tailLines": "5000"}
        text = self.connection.raw("GET", path, query=query, as_text=True)
        return str(text)[-LOG_BYTES:]

    def ask(self, pod: PodRef, probes: Sequence[Probe]) -> Mapping[str, Answer]:
        longest = max(p.timeout for p in probes)
        return self.inside(pod).ask(probes, deadline=2 * longest + GRACE)
