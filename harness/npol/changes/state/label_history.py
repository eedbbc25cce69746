"""What a run did to the labels of objects, and what it may have left of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.changes.journal_types import Action, Journal, Key, NamespaceSnapshot, Record, State
from npol.changes.state.field_owners import owners_of
from npol.kube.objects import Object


@dataclass(slots=True)
class Labelled:
    """One object whose labels a run changed."""

    key: Key
    uid: str
    before: dict[str, str | None] = field(default_factory=dict)
    written: dict[str, list[str | None]] = field(default_factory=dict)
    """Label -> the values that the run may have left: the last sure one, and those after it."""
    owners: list[Object] = field(default_factory=list)
    """Who owned the labels before, as entries of managedFields."""
    records: list[Record] = field(default_factory=list)

    def state_at(self, number: int) -> dict[str, str | None]:
        """The values of its labels after the record of that number, and all before it."""
        values = dict(self.before)
        for record in self.records:
            if record.number <= number:
                values |= record.after or {}
        return values

    def to_undo(self, live: Mapping[str, Any]) -> tuple[dict[str, str | None], list[str]]:
        """The labels to set so that it is as before, and the labels that others changed."""
        now = live["metadata"].get("labels") or {}
        undo, modified = {}, []
        for label, value in self.before.items():
            if now.get(label) == value:
                continue
            if now.get(label) in self.written[label]:
                undo[label] = value
            else:
                modified.append(label)
        return undo, modified

    def modified(self, live: Mapping[str, Any], labels: Iterable[str]) -> list[str]:
        """What others did to those of `labels` that the run has set, one text each."""
        now = live["metadata"].get("labels") or {}
        return [
            f"{label} is {now.get(label)!r}, npol had set {self.written[label][-1]!r}"
            for label in labels
            if label in self.written and now.get(label) not in self.written[label]
        ]

    def owed(self, live: Mapping[str, Any]) -> list[Object]:
        """The owners, before the run, of those labels that have their former values again."""
        now = live["metadata"].get("labels") or {}
        back = [label for label, value in self.before.items() if now.get(label) == value]
        return owners_of({"metadata": {"managedFields": self.owners}}, back)


def labelled(journal: Journal, since: int = 0) -> list[Labelled]:
    """
    Every object whose labels the run changed, in the order of first touch.

    With `since` only what it did after the record of that number.
    """
    found: dict[tuple[Key, str], Labelled] = {}
    for record in journal.history:
        if record.action is Action.LABEL and record.number > since:
            entry = found.setdefault((record.key, record.uid), Labelled(record.key, record.uid))
            _take_labels(entry, record)
    return list(found.values())


def labels_at(journal: Journal, place: NamespaceSnapshot, number: int) -> dict[str, str]:
    """A namespace's labels as they were after the record of that number."""
    labels: dict[str, str | None] = dict(place.labels)
    for item in labelled(journal):
        if item.uid == place.uid:
            labels |= item.state_at(number)
    return {label: value for label, value in labels.items() if value is not None}


def _take_labels(entry: Labelled, record: Record) -> None:
    entry.records.append(record)
    first = [label for label in record.before or {} if label not in entry.before]
    entry.owners += owners_of({"metadata": {"managedFields": record.owners}}, first)
    for label, value in (record.before or {}).items():
        entry.before.setdefault(label, value)
    for label, value in (record.after or {}).items():
        values = entry.written.setdefault(label, [entry.before.get(label)])
        if record.state is not State.INTENT:
            values.clear()
        values.append(entry.before[label] if record.state is State.RESTORED else value)
