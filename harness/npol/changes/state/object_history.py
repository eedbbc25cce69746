"""
What a run may have left of each object that it changed, and what a live object is against
that. Pure: the journal says the one, a fresh read the other.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.changes.journal_types import (
    OF_PARTS,
    Action,
    Journal,
    Key,
    Record,
    State,
)
from npol.changes.state.compare import (
    METADATA,
    content,
    digest,
    is_leaving,
    run_of,
    same,
    staying,
    still,
)

LEFT_ALONE = frozenset(
    {"ConfigMap", "Secret", "Role", "RoleBinding", "ClusterRoleBinding", "LimitRange"}
)
"""Kinds of which Kubernetes itself changes nothing once they are made."""


class ObjectState(enum.Enum):
    """What became of an object that a run changed."""

    AS_BEFORE = "as before"
    OURS = "as the run left it"
    ANNOTATED = "as the run left it, but for metadata of others"
    LEAVING = "being deleted by the run"
    MODIFIED_BY_OTHERS = "changed by others"


@dataclass(slots=True)
class ObjectHistory:
    """One object of a run's history (not one that it changed in part)."""

    key: Key
    before: Mapping[str, Any] | None
    run_id: str
    records: list[Record] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether contents are compared; else the run's annotation and the uid decide."""
        return self.key.is_policy

    def since(self, number: int) -> ObjectHistory | None:
        """What happened to it after a record; None for nothing that can be undone alone."""
        late = [record for record in self.records if record.number > number]
        if len(late) == len(self.records):
            return self
        if not late or not self.whole:
            return None
        return ObjectHistory(self.key, self.state_at(number), self.run_id, late)

    @property
    def candidates(self) -> list[Record]:
        """The states that the run may have left: the last sure one, and what came after it."""
        found: list[Record] = []
        for record in self.records:
            found = [record] if record.state is not State.INTENT else [*found, record]
        return found

    @property
    def last_written(self) -> Mapping[str, Any] | None:
        """The state that the run meant to leave last."""
        last = self.records[-1]
        return self.before if last.state is State.RESTORED else last.after

    def is_rewritten(self, live: Mapping[str, Any]) -> bool:
        """Whether somebody has changed what the run wrote, of a kind that no controller writes."""
        last = self.candidates[-1]
        known = last.state is State.DONE and last.digest
        return self.key.kind in LEFT_ALONE and bool(known) and known != digest(live)

    def state_at(self, number: int) -> Mapping[str, Any] | None:
        """The state after the record of that number, and all before it."""
        states = [record.after for record in self.records if record.number <= number]
        return states[-1] if states else self.before

    def judge(self, live: Mapping[str, Any] | None) -> ObjectState:
        """What `live` (None: there is no such object) is."""
        if self.before is None and live is None:
            return ObjectState.AS_BEFORE
        if live is not None and is_leaving(live):
            deleted = self._deleted_by_run(live)
            return ObjectState.LEAVING if deleted else ObjectState.MODIFIED_BY_OTHERS
        if self.before is not None and still(self.before, live):
            return ObjectState.AS_BEFORE
        if any(self._is(record, live) for record in self.candidates):
            return ObjectState.OURS
        if live is not None and self._annotated(live) is not None:
            return ObjectState.ANNOTATED
        return ObjectState.MODIFIED_BY_OTHERS

    def is_as_left(self, live: Mapping[str, Any] | None) -> bool:
        """Whether `live` is what the run left, or may have left."""
        finding = self.judge(live)
        if finding is not ObjectState.AS_BEFORE:
            return finding is ObjectState.OURS
        unsure = all(record.state is State.INTENT for record in self.records)
        return unsure or self.before is self.last_written or same(self.last_written, self.before)

    def _deleted_by_run(self, live: Mapping[str, Any]) -> bool:
        """Whether what is going is what the run deleted, or made and wants gone."""
        pending = [r for r in self.candidates if r.state is not State.RESTORED]
        if any(record.action is Action.DELETE for record in pending):
            return True
        return self.before is None and any(self._is(record, staying(live)) for record in pending)

    def before_with_edits(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """`before`, with the metadata that others have added or changed meanwhile."""
        body = dict(self.before or {})
        rest = {k: v for k, v in body["metadata"].items() if k not in METADATA}
        body["metadata"] = rest | (self._annotated(live) or {})
        return body

    def _is(self, record: Record, live: Mapping[str, Any] | None) -> bool:
        if record.state is State.RESTORED:
            return False  # `before` was compared already
        if record.action is Action.DELETE or live is None:
            return record.action is Action.DELETE and live is None
        if record.uid and live["metadata"]["uid"] != record.uid:
            return False
        return still(record.after, live) if self.whole else run_of(live) == self.run_id

    def _annotated(self, live: Mapping[str, Any]) -> dict[str, Any] | None:
        """Before's metadata with the edits of others, if they touched nothing else."""
        for record in self.candidates:
            if self.before is None or record.after is None or record.action is Action.DELETE:
                continue
            if record.uid and live["metadata"]["uid"] != record.uid:
                continue
            merged = _merged_metadata(self.before, record.after, live)
            if merged is not None:
                return merged
        return None


def touched(journal: Journal, since: int = 0) -> list[ObjectHistory]:
    """
    Every object that the run created, replaced or deleted, in the order of first touch.

    With `since` only what it did after the record of that number.
    """
    run_id = journal.header.run_id if journal.header else ""
    found: dict[Key, ObjectHistory] = {}
    for record in journal.history:
        if record.action not in OF_PARTS:
            entry = found.setdefault(record.key, ObjectHistory(record.key, record.before, run_id))
            entry.records.append(record)
    late = (entry.since(since) for entry in found.values())
    return [entry for entry in late if entry is not None]


def policies_at(journal: Journal, number: int) -> dict[Key, Mapping[str, Any]]:
    """The policies of the run's namespaces as they were after the record of that number."""
    found: dict[Key, Mapping[str, Any]] = {key: seen.body for key, seen in journal.seen.items()}
    for record in journal.history:
        if record.number > number or not record.key.is_policy:
            continue
        if record.after is None:
            found.pop(record.key, None)
        else:
            found[record.key] = record.after
    return found


def _merged_metadata(
    before: Mapping[str, Any], after: Mapping[str, Any], live: Mapping[str, Any]
) -> dict[str, Any] | None:
    states = [content(obj) for obj in (before, after, live)]
    if _outside_metadata(states[1]) != _outside_metadata(states[2]):
        return None
    merged: dict[str, Any] = {}
    for part in METADATA:
        was, ours, now = (state.get(part) for state in states)
        if now == ours:
            merged[part] = was
        elif was == ours:
            merged[part] = now
        elif part == "finalizers":
            merged[part] = _merged_finalizers(was or [], ours or [], now or [])
        elif part in ("labels", "annotations"):
            both = _merged_keys(was or {}, ours or {}, now or {})
            if both is None:
                return None
            merged[part] = both
        else:
            return None
    return {part: value for part, value in merged.items() if value}


def _merged_finalizers(was: list[str], ours: list[str], now: list[str]) -> list[str]:
    """What others added since stays added, what they took away stays away."""
    kept = [name for name in was if name in now or name not in ours]
    return [*kept, *(name for name in now if name not in ours and name not in was)]


def _merged_keys(
    was: Mapping[str, str], ours: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str] | None:
    """Key by key: what only others changed stays, what only we changed goes; None: both did."""
    merged = {}
    for key in _keys(was, ours, now):
        if now.get(key) == ours.get(key):
            value = was.get(key)
        elif was.get(key) == ours.get(key):
            value = now.get(key)
        else:
            return None
        if value is not None:
            merged[key] = value
    return merged


def _keys(*mappings: Mapping[str, str]) -> Iterable[str]:
    return dict.fromkeys(key for mapping in mappings for key in mapping)


def _outside_metadata(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in METADATA}
