"""What a story has applied so far: states of the cluster point at it, with its files' lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from npol.changes.dry_run.kubectl_commands import other_policies_of
from npol.changes.journal_types import Key
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.cni.facts import served_groups
from npol.cni.other_policy_kinds import foreign_policies
from npol.judge.state_changes import policy_differences
from npol.kube.connection import Connection
from npol.model.change import Manifest
from npol.model.inventory import Inventory, Obj
from npol.model.replay import replay
from npol.model.story import Step, Story
from npol.policy.parse.object_source import Given
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.from_inventory import cluster_state
from npol.run.cluster_changes import ClusterChanges
from npol.run.namespaces import named_namespaces

READ_BY_PROXIES = ("ConfigMap", "Ingress")
"""Kinds of `given` that tell what a proxy asks in its turn; they are not read from the cluster."""


@dataclass(slots=True)
class AppliedPolicies:
    """The manifests behind policies, and the policies of other kinds that are there."""

    others: tuple[Obj, ...] = ()
    manifests: dict[Key, Manifest] = field(default_factory=dict)
    _served: Collection[str] | None = None
    """The API groups of the cluster; None before the first look."""

    def change(
        self, connection: Connection, transaction: Transaction, story: Story, step: Step
    ) -> tuple[str, ...]:
        """Make a step's changes; what was done, one line each."""
        within = story.defaults.pod.start_within
        changes = ClusterChanges(transaction, self.manifests, within)
        done = tuple(replay(step.changes, changes))
        if other_policies_of(story) or (self._served is None and _gives_others(story)):
            self._look(connection, story)
        return done

    def changed_by_others(self, connection: Connection, story: Story) -> list[str]:
        """
        What became of policies of other kinds since the step's change, one text each. What this
        run applied is compared where its journal is.
        """
        places = {"", *named_namespaces(story)}
        before = [p for p in self.others if p["metadata"].get("namespace", "") in places]
        self._look(connection, story)
        return policy_differences(*map(self._not_applied, (before, self.others)))

    def given_back(self, connection: Connection, story: Story) -> None:
        """After the restore no manifest of the story stands for what is there."""
        self.manifests.clear()
        if other_policies_of(story):
            self._look(connection, story)

    def _look(self, connection: Connection, story: Story) -> None:
        if self._served is None:
            self._served = served_groups(connection)
        self.others = foreign_policies(connection, named_namespaces(story), self._served).policies

    def _not_applied(self, policies: Iterable[Obj]) -> list[Obj]:
        return [policy for policy in policies if key_of(policy) not in self.manifests]

    def state(self, inventory: Inventory, story: Story, beside: Iterable[Obj]) -> ClusterState:
        """
        What an inventory says: policies that the story applied have positions there.

        `beside`: the objects of ours that run beside sources.
        """
        given: list[Given] = [m for m in story.given if m.kind in READ_BY_PROXIES]
        also = [*given, *map(self._as_applied, self.others), *beside]
        own = {k: m for k, m in self.manifests.items() if k.is_network_policy}
        applied = {(key.namespace, key.name): manifest for key, manifest in own.items()}
        return cluster_state(inventory, applied=applied, also=also)

    def _as_applied(self, policy: Obj) -> Given:
        """A policy of another kind, by the manifest that was applied where there is one."""
        return self.manifests.get(key_of(policy)) or policy


def _gives_others(story: Story) -> bool:
    keys = (key_of(manifest.body) for manifest in story.given)
    return any(key.is_policy and not key.is_network_policy for key in keys)
