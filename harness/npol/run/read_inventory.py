"""What a run sees of a cluster: the objects of the story's namespaces, and who they are for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from npol.changes.dry_run.kubectl_commands import other_policies_of, policies_of
from npol.changes.journal_types import Key
from npol.changes.state.snapshot import key_of
from npol.cni.preflight_request import PreflightProblem
from npol.errors import Refused
from npol.kube.api_errors import Unreachable
from npol.kube.connection import Connection
from npol.kube.inventory import ALL_WORKLOADS, read, read_pods, read_services
from npol.kube.objects import PODS, REPLICA_SETS, Resource
from npol.model.change import Apply, Change, Delete
from npol.model.inventory import Inventory, Obj
from npol.model.story import Story
from npol.policy.state.from_inventory import cluster_state
from npol.run import blast_radius
from npol.run.namespaces import (
    checked_workloads,
    named_namespaces,
    workload_namespaces,
    workloads_of_peers,
)

CARRIED_FOR = 0.5
"""Seconds for which what closed a step is how the next one begins."""
LOOKS_CARRIED = 3
"""The same as a multiple of what that look took: all else takes as long over a slow link."""
NODES_FOR = 30.0
"""Seconds for which nodes count as they were read: they come and go in minutes."""
SERVICES_FOR = 5.0
"""
Seconds for which Services, and what is behind them, count as they were read, where no pod has
changed and the story has changed policies alone: only somebody's hand changes them then.
"""


@dataclass(slots=True, kw_only=True)
class InventoryReader:
    """Looks at the objects of a story's namespaces, as often as it is asked."""

    connection: Connection
    story: Story
    also: Collection[str] = ()
    """Further namespaces: those in which the run writes."""
    written: Callable[[], Mapping[Key, Obj | None]] = dict
    """The policies that the run has changed, as it left them."""
    now: Callable[[], float] = time.monotonic
    latest: Inventory | None = None
    """What the last look saw."""
    _looked: float = 0.0
    """When that was begun."""
    _took: float = 0.0
    """Seconds that it took."""
    _nodes_read: float = 0.0
    _services_read: float = 0.0
    _closed: bool = False
    """Whether that look closed a step, so that the next one may begin with it."""
    _begun: bool = False
    """Whether a step has begun for which that look holds, but for what it writes itself."""
    _written: Mapping[Key, Obj | None] = field(default_factory=dict)
    """What the run had left when that step began."""

    def look(self, *, checks: bool = False) -> Inventory:
        """
        The objects of the story's namespaces, now; of workloads, those that the peers need.

        Args:
            checks: those that its state checks need, too.

        Raises:
            Refused: a right to read is missing, or the API server does not answer.
        """
        if self._begun and self.latest and not checks:
            self._begun = False
            self.latest = replace(self.latest, policies=self._policies(self.latest.policies))
        else:
            self._read(checks_too=checks)
        assert self.latest is not None
        return self.latest

    def close(self) -> Inventory:
        """What the last look saw is how the step ended that was judged; it is made now."""
        self._begun = False
        found = self.look()
        self.carry()
        return found

    def carry(self) -> None:
        """The last look was made after all of the step was judged."""
        self._closed = True

    def begin(self, changes: Iterable[Change]) -> None:
        """
        A step begins. Where it changes policies alone, what closed the last one still holds, with
        what is written now: what others change meanwhile differs from what closes this step.
        """
        soon = self.now() - self._looked < CARRIED_FOR + LOOKS_CARRIED * self._took
        only_policies = _only_policies(changes)
        self._begun = self._closed and soon and only_policies
        self._services_read = self._services_read if only_policies else -SERVICES_FOR
        self._closed, self._written = False, dict(self.written())

    def carried_policies(self, changes: Iterable[Change]) -> dict[Key, Obj | None]:
        """What changes will meet, as the look that still holds saw it; {} where none does."""
        if not self._begun or self.latest is None:
            return {}
        seen: dict[Key, Obj] = {key_of(policy): policy for policy in self.latest.policies}
        manifests = (m for c in changes if isinstance(c, Apply | Delete) for m in c.manifests)
        keys = (key_of(manifest.body) for manifest in manifests)
        return {key: seen.get(key) for key in keys if key.is_network_policy}

    def glance(self) -> Inventory:
        """The last look, with what flows go from and to as it is now."""
        if self.latest is None:
            return self.look()
        known = self.latest
        pods = read_pods(self.connection, self._there, _places(self.story))
        found = self._with_services(replace(known, pods=pods), known)
        if workloads_of_peers(self.story):
            found = replace(found, replica_sets=self._replica_sets(found, known))
        self.latest = found
        return found

    def look_beside(self, namespaces: Collection[str]) -> Inventory:
        """
        The same, and the workloads there that debug pods in these namespaces might disturb. What
        was seen last is how the first step begins.
        """
        workloads = workload_namespaces(self.story)
        beside = workloads.union(namespaces) if workloads else ()
        now = self.now()
        self.latest = look(
            self.connection, self.story, also=self.also, workloads=beside, kinds=ALL_WORKLOADS
        )
        self._looked = self._nodes_read = self._services_read = now
        self._took = self.now() - now
        self._closed = True
        return self.latest

    def _policies(self, seen: Iterable[Obj]) -> tuple[Obj, ...]:
        """Those that were seen, with what the step that has begun made of them."""
        policies: dict[Key, Obj | None] = {key_of(policy): policy for policy in seen}
        for key, policy in self.written().items():
            if key not in self._written or self._written[key] != policy:
                policies[key] = policy
        return tuple(filter(None, policies.values()))

    def _read(self, *, checks_too: bool) -> None:
        kinds = workloads_of_peers(self.story)
        if checks_too:
            kinds |= checked_workloads(self.story)
        known, now = self.latest, self.now()
        old = known is None or now - self._nodes_read >= NODES_FOR
        asked = kinds if known is None else kinds - {REPLICA_SETS}
        services = known is None or checks_too or now - self._services_read >= SERVICES_FOR
        found = look(
            self.connection,
            self.story,
            also=self.also,
            kinds=asked,
            nodes=None if old or known is None else known.nodes,
            services=services,
        )
        if services or known is None:
            self._services_read = now
        else:
            found = self._with_services(found, known)
        if kinds - asked and known is not None:
            found = replace(found, replica_sets=self._replica_sets(found, known))
        self._nodes_read = now if old else self._nodes_read
        self._looked, self._took = now, self.now() - now
        self._closed, self.latest = False, found

    @property
    def _there(self) -> set[str]:
        return {*_namespaces(self.story), *self.also}

    def _with_services(self, found: Inventory, known: Inventory) -> Inventory:
        """What was found, with Services and what is behind them: as known, or read now."""
        now = self.now()
        if now - self._services_read < SERVICES_FOR and _versions(found) == _versions(known):
            return replace(found, services=known.services, slices=known.slices)
        self._services_read = now
        return read_services(self.connection, found, self._there)

    def _replica_sets(self, found: Inventory, known: Inventory) -> tuple[Obj, ...]:
        """Read anew only where a pod has one that was not seen: what made one never changes."""
        there = workload_namespaces(self.story)
        owners = {
            owner["uid"]
            for pod in found.pods
            if pod["metadata"]["namespace"] in there
            for owner in pod["metadata"].get("ownerReferences") or ()
            if owner["kind"] == REPLICA_SETS.kind
        }
        if owners <= {r["metadata"]["uid"] for r in known.replica_sets}:
            return known.replica_sets
        return tuple(self.connection.list_in(REPLICA_SETS, there))


def _versions(inventory: Inventory) -> dict[str, str]:
    """Of its pods, by their uid."""
    pods = (pod["metadata"] for pod in inventory.pods)
    return {pod["uid"]: pod.get("resourceVersion", "") for pod in pods}


def _only_policies(changes: Iterable[Change]) -> bool:
    """Whether nothing else is changed, which may move the flows' ends."""
    return all(
        isinstance(c, Apply | Delete) and all(key_of(m.body).is_policy for m in c.manifests)
        for c in changes
    )


def _namespaces(story: Story) -> set[str]:
    return {*named_namespaces(story), "kube-system"}


def _places(story: Story) -> set[str]:
    return {p.external for p in story.peers.values() if p.external}


def look(
    connection: Connection,
    story: Story,
    *,
    also: Collection[str] = (),
    workloads: Collection[str] | None = None,
    kinds: Collection[Resource] = ALL_WORKLOADS,
    nodes: tuple[Obj, ...] | None = None,
    services: bool = True,
) -> Inventory:
    """
    The objects of the story's namespaces, now.

    Args:
        also: further namespaces.
        workloads: where workloads of these kinds are read; None: where the story speaks of some.
        nodes: see `read`.
        services: see `read`.

    Raises:
        Refused: a right to read is missing, or the API server does not answer.
    """
    return read(
        connection,
        {*_namespaces(story), *also},
        places=_places(story),
        workloads=workload_namespaces(story) if workloads is None else workloads,
        kinds=kinds,
        nodes=nodes,
        services=services,
    )


def foreseen(
    connection: Connection, story: Story, *, max_unlisted_pods: int
) -> list[PreflightProblem]:
    """What speaks against the blast radius of a story's policies (`blast_radius.against`)."""
    if not policies_of(story):
        return []
    try:
        inventory = look(connection, story, kinds=workloads_of_peers(story), nodes=())
        if any(not key.namespace for key in other_policies_of(story)):
            inventory = replace(inventory, pods=tuple(connection.list(PODS)))
        state = cluster_state(inventory)
        return blast_radius.against(story, state, max_unlisted_pods=max_unlisted_pods)
    except Unreachable:
        raise
    except Refused:
        return []  # the right that is missing is a finding of its own
