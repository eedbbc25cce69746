"""A story's changes, made on a cluster by the run's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.changes.journal_types import Key
from npol.changes.state.snapshot import key_of
from npol.changes.transaction import Transaction
from npol.model.story import Apply, Delete, Label, Manifest, Restore


@dataclass(frozen=True, slots=True)
class ClusterChanges:
    """Makes each change, remembers which manifest stands behind a policy, and says what it did."""

    transaction: Transaction
    applied: dict[Key, Manifest]
    """What predictions point at."""

    def apply(self, change: Apply) -> Iterator[str]:
        for manifest in change.manifests:
            done = self.transaction.apply(manifest, replace=change.replace)
            self.applied[key_of(manifest.body)] = manifest
            yield f"{done} {spell(manifest)}"

    def delete(self, change: Delete) -> Iterator[str]:
        for manifest in change.manifests:
            done = self.transaction.delete(manifest)
            self.applied.pop(key_of(manifest.body), None)
            yield f"{done} {spell(manifest)}"

    def label(self, change: Label) -> Iterator[str]:
        self.transaction.label(change.kind, change.namespace, change.name, change.set)
        yield f"labelled {change.kind} {change.name}"

    def restore(self, change: Restore) -> Iterable[str]:
        return self.transaction.restore_to(change.step)


def spell(manifest: Manifest) -> str:
    """`NetworkPolicy shop/deny-all`."""
    place = f"{manifest.namespace}/" if manifest.namespace else ""
    return f"{manifest.kind} {place}{manifest.name}"
