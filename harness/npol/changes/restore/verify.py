"""
The cluster against the snapshot: what is not as before, and whose doing it is.

All policies of the run's namespaces are compared, not only those that it touched, and the
namespaces' labels, since policies select by them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npol.changes.journal_types import Journal, Key, NamespaceSnapshot, Record
from npol.changes.restore.undo import ref_of
from npol.changes.state.compare import difference, is_leaving, run_of, still, waits_for
from npol.changes.state.label_history import Labelled, labelled, labels_at
from npol.changes.state.object_history import ObjectHistory, ObjectState, policies_at, touched
from npol.changes.state.scale_history import Scaled, replicas_of, scaled
from npol.changes.state.snapshot import Snapshot, take_known
from npol.kube.connection import Connection
from npol.kube.get_all import get_all

WAITS = "what was changed there comes back once that has ended, by `npol recover`"
SIDES = ("as npol left it", "in the cluster now")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProblem:
    """One thing that is not as before; `ours`: because something of the run is still there."""

    text: str
    ours: bool


@dataclass(frozen=True, slots=True)
class ObjectStanding:
    """The namespaces now, against those of a journal."""

    journal: Journal
    snapshot: Snapshot

    def here(self, namespace: str) -> bool:
        """Whether the namespace is still the one that the run knew."""
        return not (self._gone(namespace) or self.another(namespace))

    def another(self, namespace: str) -> bool:
        """Whether it was deleted and made anew: nothing of ours belongs into it."""
        recorded, place = self.journal.places.get(namespace), self.snapshot.places.get(namespace)
        known = recorded.uid if recorded else ""
        return bool(known and place and place.uid and place.uid != known)

    def _gone(self, namespace: str) -> bool:
        place = self.snapshot.places.get(namespace)
        return place is not None and (not place.uid or namespace in self.snapshot.leaving)


class RestoreComparison:
    """One fresh read of everything that the journal knows, compared."""

    def __init__(
        self,
        connection: Connection,
        journal: Journal,
        errors: Mapping[Key, str],
        *,
        since: int = 0,
        blocked: Mapping[str, str] | None = None,
        standing: ObjectStanding | None = None,
    ) -> None:
        """`standing`: a read since which nothing was sent; None: it is read anew."""
        self.as_before: list[Record] = []
        """The records whose objects are as before."""
        self.leaving: list[ObjectHistory] = []
        """The policies that the run deleted, and that finalizers hold."""
        self.gone = frozenset[str]()
        """The namespaces that are not there."""
        self._connection = connection
        self._journal = journal
        self._standing = standing
        self._errors = errors
        self._since = since
        self._blocked = blocked or {}
        self._expected = policies_at(journal, since)
        self._touched = {item.key: item for item in touched(journal, since)}
        self._touched = {k: i for k, i in self._touched.items() if k.place not in self._blocked}
        self._labelled = [i for i in labelled(journal, since) if i.key.place not in self._blocked]
        self._scaled = [i for i in scaled(journal, since) if i.key.place not in self._blocked]

    def problems(self) -> list[RestoreProblem]:
        """
        Raises:
            NpolError: the cluster cannot be read.
        """
        standing = self._standing or ObjectStanding(
            self._journal, take_known(self._connection, self._journal)
        )
        places = standing.snapshot.places.values()
        self.gone = frozenset(place.name for place in places if not place.uid)
        compared = [k for k in self._policies(standing) if standing.here(k.namespace)]
        found = [
            *(RestoreProblem(text=f"{who}: {WAITS}", ours=True) for who in self._blocked.values()),
            *self._places(standing),
            *(p for key in compared for p in self._policy(key, standing)),
        ]
        made = {
            key: item
            for key, item in self._touched.items()
            if key not in compared and not standing.another(key.namespace)
        }
        for key, live in self._live(made, standing.snapshot).items():
            found += self._made(made[key], live)
        for labels in self._labelled:
            found += self._labels(labels)
        for workload in self._scaled:
            found += self._replicas(workload)
        return found

    def _places(self, standing: ObjectStanding) -> Iterator[RestoreProblem]:
        for place in self._journal.places.values():
            if place.name in self._blocked:
                continue
            now = standing.snapshot.places[place.name]
            if standing.another(place.name):
                yield RestoreProblem(
                    text=f"namespace {place.name} was deleted and made anew by others: "
                    "nothing is put back into it",
                    ours=False,
                )
            elif place.uid and standing.here(place.name):
                yield from self._place_labels(place, now)

    def _place_labels(
        self, place: NamespaceSnapshot, now: NamespaceSnapshot
    ) -> Iterator[RestoreProblem]:
        wanted = labels_at(self._journal, place, self._since)
        if wanted == now.labels:
            return
        name = f"Namespace {place.name}"
        before, after = {"labels": wanted}, {"labels": dict(now.labels)}
        mine = [item for item in self._labelled if item.uid == place.uid]
        ours = any(item.to_undo({"metadata": after})[0] for item in mine)
        diff = difference(before, after, name=name)
        yield RestoreProblem(text=f"{name} differs\n{diff}", ours=ours)

    def _policies(self, standing: ObjectStanding) -> list[Key]:
        known = dict.fromkeys(self._expected)
        recorded = {p.name for p in self._journal.places.values() if p.uid} - set(self._blocked)
        live = dict.fromkeys(standing.snapshot.policies)
        return [key for key in known | live if key.place in recorded]

    def _policy(self, key: Key, standing: ObjectStanding) -> Iterator[RestoreProblem]:
        before, live = self._expected.get(key), standing.snapshot.policies.get(key)
        item = self._touched.get(key)
        if still(before, live):
            self.as_before += item.records if item else []
            return
        finding = item.judge(live) if item else self._unrecorded(live)
        if live is not None and is_leaving(live):
            yield self._on_its_way_out(key, live, item, finding)
            return
        if item is None or finding is not ObjectState.MODIFIED_BY_OTHERS:
            diff = difference(before, live, name=str(key))
            yield self._problem(key, finding, diff, self._whose(item, live))
            return
        changed = difference(item.last_written, live, name=str(key), labels=SIDES)
        yield self._problem(key, finding, changed, self._way_out(key, before))

    def _on_its_way_out(
        self, key: Key, live: Mapping[str, Any], item: ObjectHistory | None, finding: ObjectState
    ) -> RestoreProblem:
        """What is being deleted is never as before, whatever it says until it is gone."""
        held = f"it waits for {waits_for(live) or 'the server'}"
        if item is None or finding is not ObjectState.LEAVING:
            return RestoreProblem(text=f"{key}: others are deleting it, {held}", ours=False)
        self.leaving.append(item)
        then = (
            "what was there before is in the journal, and `npol recover` makes it anew once "
            "that is gone"
            if item.before is not None
            else "npol made it, and deleted it"
        )
        return RestoreProblem(text=f"{key}: it is being deleted, {held}; {then}", ours=True)

    def _unrecorded(self, live: Mapping[str, Any] | None) -> ObjectState:
        """Of a policy that no record names: ours all the same if it says so (a torn journal)."""
        header = self._journal.header
        mine = live is not None and header is not None and run_of(live) == header.run_id
        return ObjectState.OURS if mine else ObjectState.MODIFIED_BY_OTHERS

    def _problem(self, key: Key, finding: ObjectState, diff: str, remark: str) -> RestoreProblem:
        error = self._errors.get(key, "")
        lines = [f"{key}: {error or remark}", diff]
        text = "\n".join(line for line in lines if line)
        return RestoreProblem(text=text, ours=finding is not ObjectState.MODIFIED_BY_OTHERS)

    @staticmethod
    def _whose(item: ObjectHistory | None, live: Mapping[str, Any] | None) -> str:
        if item is not None:
            return "it could not be put back"
        run = run_of(live) if live else ""
        return f"changed by run {run}" if run else "changed by others since the run began"

    def _way_out(self, key: Key, before: Mapping[str, Any] | None) -> str:
        what = "npol made it" if before is None else "npol changed it"
        command = (
            f"kubectl --context {self._connection.context} -n {key.namespace} "
            f"delete networkpolicy {key.name}"
        )
        way = f"if it is not wanted: {command}" if before is None else "put it right by hand"
        return f"{what}, then others did, so it is left as it is; {way}"

    def _live(self, keys: Iterable[Key], now: Snapshot) -> Mapping[Key, Mapping[str, Any] | None]:
        """
        What is there now: by the fresh read, where it tells of it (a namespace that is gone holds
        nothing), else read.
        """
        known = {key: now.policies.get(key) for key in keys}
        unread = [key for key in known if not (now.tells(key) or _is_in(key, self.gone))]
        refs = {key: ref_of(self._connection, key) for key in unread}
        found = get_all(self._connection, refs.values())
        return known | {key: found[ref] for key, ref in refs.items()}

    def _made(
        self, item: ObjectHistory, live: Mapping[str, Any] | None
    ) -> Iterator[RestoreProblem]:
        finding = item.judge(live)
        if live is None or finding is ObjectState.AS_BEFORE:
            self.as_before += item.records
        elif finding is ObjectState.MODIFIED_BY_OTHERS:
            yield self._problem(item.key, finding, "", "npol made it, and now it is another's")
        else:
            yield self._problem(item.key, finding, "", _still_there(live))

    def _labels(self, item: Labelled) -> Iterator[RestoreProblem]:
        live = self._connection.get(ref_of(self._connection, item.key))
        if live is None or live["metadata"]["uid"] != item.uid:
            self.as_before += item.records
            return
        undo, foreign = item.to_undo(live)
        if item.key.kind == "Namespace" and item.key.name in self._journal.places:
            return  # its labels were compared as a whole
        now = live["metadata"].get("labels") or {}
        for label in (*undo, *foreign):
            error = self._errors.get(item.key, "changed by others" if label in foreign else "")
            yield RestoreProblem(
                text=f"{item.key}: label {label} is {now.get(label)!r}, "
                f"was {item.before[label]!r}" + (f": {error}" if error else ""),
                ours=label in undo,
            )

    def _replicas(self, item: Scaled) -> Iterator[RestoreProblem]:
        live = self._connection.get(ref_of(self._connection, item.key))
        if live is None or not item.is_here(live) or replicas_of(live) == item.before:
            self.as_before += item.records
            return
        ours = item.is_ours(live)
        error = self._errors.get(item.key, "" if ours else "changed by others")
        yield RestoreProblem(
            text=f"{item.key}: it has {replicas_of(live)} replicas, had {item.before}"
            + (f": {error}" if error else ""),
            ours=ours,
        )


def _is_in(key: Key, namespaces: Collection[str]) -> bool:
    """Whether it is one of these, or lies in one."""
    return key.namespace in namespaces or (key.kind == "Namespace" and key.name in namespaces)


def _still_there(live: Mapping[str, Any]) -> str:
    if not is_leaving(live):
        return "it is still there"
    held = waits_for(live)
    return f"it is still terminating, and waits for {held}" if held else "it is still terminating"
