"""What a run did to the replicas of workloads, and what it may have left of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.changes.journal_types import Action, Journal, Key, Record, State
from npol.kube.objects import Object, Resource


@dataclass(slots=True)
class Scaled:
    """One workload whose replicas a run changed."""

    key: Key
    uid: str
    before: int
    written: list[int] = field(default_factory=list)
    """The numbers that the run may have left: the last sure one, and those after it."""
    owners: tuple[Object, ...] = ()
    """Who owned the replicas before, as entries of managedFields."""
    records: list[Record] = field(default_factory=list)

    def state_at(self, number: int) -> int:
        """The replicas after the record of that number, and all before it."""
        states = [r.after["replicas"] for r in self.records if r.number <= number and r.after]
        return states[-1] if states else self.before

    def is_here(self, live: Mapping[str, Any] | None) -> bool:
        """Whether `live` is the workload that was scaled, and not another of its name."""
        return live is not None and live["metadata"]["uid"] == self.uid

    def is_ours(self, live: Mapping[str, Any]) -> bool:
        """Whether its replicas are what the run may have left."""
        return replicas_of(live) in self.written


def replicas_of(workload: Mapping[str, Any]) -> int:
    return int(workload["spec"].get("replicas", 1))


def scale_of(resource: Resource) -> str:
    """`deployments.apps/scale`: the subresource as the guard names it."""
    return f"{resource.qualified}/scale"


def scaled(journal: Journal, since: int = 0) -> list[Scaled]:
    """
    Every workload that the run scaled, in the order of first touch.

    With `since` only what it did after the record of that number.
    """
    found: dict[tuple[Key, str], Scaled] = {}
    for record in journal.history:
        if record.action is Action.SCALE and record.number > since and record.before:
            before = record.before["replicas"]
            new = Scaled(record.key, record.uid, before, [before], record.owners)
            _take(found.setdefault((record.key, record.uid), new), record)
    return list(found.values())


def _take(entry: Scaled, record: Record) -> None:
    entry.records.append(record)
    if record.state is not State.INTENT:
        entry.written.clear()
    after = record.after or {}
    put_back = record.state is State.RESTORED
    entry.written.append(entry.before if put_back else after["replicas"])
