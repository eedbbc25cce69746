"""What a story has applied so far: states of the cluster point at it, with its files' lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from npol.changes.dry_run.kubectl_commands import other_policies_of
from npol.changes.journal_types import Key
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.cni.other_policy_kinds import foreign_policies
from npol.kube.connection import Connection
from npol.model.inventory import Inventory, Obj
from npol.model.replay import replay
from npol.model.story import Manifest, Step, Story
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

    def change(
        self, connection: Connection, transaction: Transaction, story: Story, step: Step
    ) -> tuple[str, ...]:
        """Make a step's changes; what was done, one line each."""
        done = tuple(replay(step.changes, ClusterChanges(transaction, self.manifests)))
        if other_policies_of(story):
            self.others = foreign_policies(connection, named_namespaces(story)).policies
        return done

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
