"""The cluster as state checks look at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.kube.objects import PODS, Ref
from npol.kube.resource_names import resource_called
from npol.model.change import Manifest
from npol.model.inventory import Inventory, Obj
from npol.model.probe import Answer, PodRef, Probe
from npol.policy.state.cluster_state import ClusterState
from npol.run.probe_batches import GRACE, ProbeSource

REFUSALS = (400, 403, 422)
"""What admission answers with: webhooks choose, policies say 422, Pod Security and quotas 403."""
UNASKED = re.compile(r'User ".*" cannot create|does not support dry run|failed calling webhook')
"""No word of admission: RBAC was in the way, or a webhook that could not be asked."""
LOG_BYTES = 1 << 20
"""The end of a log that is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """`npol.run.checks.View` over a connection and the run's sources."""

    in_lab: bool
    inventory: Inventory
    state: ClusterState
    connection: Connection
    inside: Callable[[PodRef], ProbeSource]

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        resource = resource_called(self.connection, kind)
        return self.connection.get(Ref(resource, namespace if resource.namespaced else "", name))

    def live(self, manifest: Manifest) -> Obj | None:
        return self.connection.get(self.connection.ref_of(manifest.body))

    def refusal(self, obj: Obj) -> str:
        try:
            self.connection.create(obj, dry_run=True)
        except ApiError as error:
            told = str(error.body.get("message") or error.message)
            if error.status not in REFUSALS or UNASKED.search(told):
                raise
            return told
        return ""

    def log(self, pod: PodRef, container: str) -> str:
        path = PODS.path(pod.namespace, pod.name, "log")
        query = {"container": container, "tailLines": "5000"}
        text = self.connection.raw("GET", path, query=query, as_text=True)
        return str(text)[-LOG_BYTES:]

    def ask(self, pod: PodRef, probes: Sequence[Probe]) -> Mapping[str, Answer]:
        longest = max(p.timeout for p in probes)
        return self.inside(pod).ask(probes, deadline=2 * longest + GRACE)
