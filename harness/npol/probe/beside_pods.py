"""
Pods of our own beside the sources, one on each of their nodes, in the state namespace.

No policy selects them, so what they send arrives wherever the node itself works. They show that
a node's pods can send while the policies let the sources there send nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from npol import selectors
from npol.errors import NpolError, Position, Refused
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import ENDPOINT_SLICES, NETWORK_POLICIES, SERVICES, Resource
from npol.model.inventory import Inventory, Obj, pod_ref
from npol.model.probe import PodRef
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import CONTAINER, debug_pod
from npol.probe.debug_pods import AT_ONCE, GONE_WITHIN, DebugPods

log = logging.getLogger(__name__)

LABEL = "npol.dev/beside"
LABELS = {LABEL: "sources"}
RUNS_WITHIN = 30.0
"""Seconds that such a pod may take to run: nothing but a proof hangs on it."""


class BesidePods:
    """Made when they are first asked for, or ahead of that; deleted with the run."""

    def __init__(
        self,
        connection: Connection,
        settings: PodSettings,
        *,
        run_id: str,
        owner: Callable[[], Obj],
    ) -> None:
        """`owner`: the owner reference of the run's journal, with which they go."""
        self.when_running: Callable[[PodRef], object] = lambda pod: None
        """Called with each of them as soon as it runs."""
        self._connection = connection
        self._settings = settings
        self._run_id = run_id
        self._owner = owner
        self._debug = DebugPods(
            connection, run_id, look=self._look, within=RUNS_WITHIN, leave_user=not settings.user
        )
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE)
        self._made: dict[str, Future[Mapping[str, Obj | NpolError]]] = {}
        """By node; those that were asked for together are made together."""
        self._why_not: dict[str, str] = {}
        self.policies: tuple[Obj, ...] = ()
        """Those of their namespace, as they were when the last of them was made."""

    def prepare(self, nodes: Iterable[str]) -> None:
        """Begin to make them."""
        new = [node for node in dict.fromkeys(nodes) if node and node not in self._made]
        if new:
            self._made |= dict.fromkeys(new, self._pool.submit(self._make, new))

    def on(self, node: str) -> PodRef | None:
        """The pod on a node, running; None where there can be none, and `why_not` says why."""
        if not node:
            return None
        self.prepare([node])
        try:
            made = self._made[node].result()[node]
            if isinstance(made, NpolError):
                raise made
            return pod_ref(made, CONTAINER)
        except NpolError as error:
            self._why_not[node] = error.message.splitlines()[0]
            log.info("no pod beside the sources on node %s: %s", node, error.message)
            return None

    def why_not(self, node: str) -> str:
        return self._why_not.get(node, "its node is not known")

    @property
    def running(self) -> tuple[Obj, ...]:
        """Those that run, as the API server returned them."""
        done = (f for f in set(self._made.values()) if f.done() and not f.cancelled())
        made = [p for f in done if f.exception() is None for p in f.result().values()]
        return tuple(pod for pod in made if not isinstance(pod, NpolError))

    def close(self, within: float = GONE_WITHIN) -> tuple[str, ...]:
        """Delete them and wait until they are gone; says what stayed."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        return self._debug.delete(within) if self._made else ()

    def _make(self, nodes: Sequence[str]) -> Mapping[str, Obj | NpolError]:
        """The pod on each of these nodes, or why it does not run."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            before = pool.submit(self._look)
            self.policies = tuple(self._listed(NETWORK_POLICIES))
        for policy in self.policies:
            if selectors.matches((policy.get("spec") or {}).get("podSelector") or {}, LABELS):
                name = policy["metadata"]["name"]
                raise NpolError(f"NetworkPolicy {STATE_NAMESPACE}/{name} selects every pod there")
        failed: dict[str, Refused] = {}
        wanted = {f"beside-{node}": node for node in nodes}
        manifests = {name: self._manifest(name, node) for name, node in wanted.items()}
        running = self._debug.start(
            manifests, before.result(), failed=failed, then=self._tell_running
        )
        return {node: running.get(name) or failed[name] for name, node in wanted.items()}

    def _tell_running(self, pods: Mapping[str, Obj]) -> None:
        """What is done with them need not be waited for."""
        for pod in pods.values():
            self._pool.submit(self.when_running, pod_ref(pod, CONTAINER))

    def _listed(self, kind: Resource) -> list[dict[str, Any]]:
        return self._connection.list(kind, STATE_NAMESPACE)

    def _manifest(self, name: str, node: str) -> Obj:
        peer = Peer(name=name, at=Position(LABEL), namespace=STATE_NAMESPACE, labels=LABELS)
        return debug_pod(peer, self._settings, run_id=self._run_id, owner=self._owner(), node=node)

    def _look(self) -> Inventory:
        """What a pod there may disturb: there are no workloads."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            services, slices = pool.map(self._listed, (SERVICES, ENDPOINT_SLICES))
        return Inventory(services=tuple(services), slices=tuple(slices))
