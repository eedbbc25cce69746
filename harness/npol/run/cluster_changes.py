"""A story's changes, made on a cluster by the run's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.changes.journal_types import Key
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.model.change import Apply, Delete, Label, Manifest, Restart, Restore, Scale

READY_WITHIN = 180.0


@dataclass(frozen=True, slots=True)
class ClusterChanges:
    """Makes each change, remembers which manifest stands behind a policy, and says what it did."""

    transaction: Transaction
    applied: dict[Key, Manifest]
    """What predictions point at."""
    within: float = READY_WITHIN
    """Seconds in which pods of a workload must be ready."""

    def apply(self, change: Apply) -> Iterator[str]:
        done = self.transaction.apply_all(change.manifests, replace=change.replace)
        for manifest, how in zip(change.manifests, done, strict=True):
            self.applied[key_of(manifest.body)] = manifest
            yield f"{how} {spell(manifest)}"

    def delete(self, change: Delete) -> Iterator[str]:
        done = self.transaction.delete_all(change.manifests)
        for manifest, how in zip(change.manifests, done, strict=True):
            self.applied.pop(key_of(manifest.body), None)
            yield f"{how} {spell(manifest)}"

    def label(self, change: Label) -> Iterator[str]:
        self.transaction.label(change.kind, change.namespace, change.name, change.set)
        yield f"labelled {change.kind} {change.name}"

    def restore(self, change: Restore) -> Iterable[str]:
        return self.transaction.restore_to(change.step)

    def restart(self, change: Restart) -> Iterator[str]:
        evicted = self.transaction.restart(change.workload, within=self.within)
        pods = "1 pod" if evicted == 1 else f"{evicted} pods"
        yield f"restarted {change.workload}: {pods} evicted, successors ready"

    def scale(self, change: Scale) -> Iterator[str]:
        before = self.transaction.scale(change.workload, change.replicas, within=self.within)
        yield f"scaled {change.workload} from {before} to {change.replicas}"


def spell(manifest: Manifest) -> str:
    """`NetworkPolicy shop/deny-all`."""
    place = f"{manifest.namespace}/" if manifest.namespace else ""
    return f"{manifest.kind} {place}{manifest.name}"
