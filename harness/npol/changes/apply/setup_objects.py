"""Objects that a run makes for itself (`given`), and labels that it sets for a while."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from npol.changes import writes
from npol.changes.apply.change_session import ChangedByOthers, ChangeSession, bare
from npol.changes.failpoints import around
from npol.changes.journal_types import Action, Key, Record
from npol.changes.restore.undo import ref_of
from npol.changes.state.claims import with_marked_claims
from npol.changes.state.compare import digest, marked
from npol.changes.state.field_owners import owners_of
from npol.changes.state.label_history import Labelled, labelled
from npol.changes.state.snapshot import key_of
from npol.errors import Refused
from npol.kube.get_all import get_all
from npol.kube.objects import Object, Ref


@dataclass(frozen=True, slots=True)
class _Intent:
    """An object that will be sent, and where that is written down."""

    body: Object
    record: Record


@dataclass(frozen=True, slots=True)
class SetupObjects:
    """Makes objects, and takes none for its own that was there before."""

    session: ChangeSession

    def create(
        self,
        groups: Sequence[Sequence[Mapping[str, Any]]],
        then: Callable[[Sequence[Object]], object] = lambda made: None,
    ) -> list[Object]:
        """
        Objects of `given`, group after group; those of one do not need each other, and are made
        side by side. All are looked for at once, but for what is in namespaces that were missing
        when they were locked: the API server refuses what others have put there since. What is
        missing is written down at once.

        One that exists already is returned as it is, unchanged. `then` is told what a group has
        become before the next one is made.
        """
        connection = self.session.connection
        bodies = [body for group in groups for body in group]
        wanted = {key_of(body): body for body in reversed(bodies)}  # the first of a name counts
        unmade = self._unmade(wanted)
        refs = {key: ref_of(connection, key) for key in wanted if key.place not in unmade}
        there = get_all(connection, refs.values())
        found = dict.fromkeys(wanted) | {key: there[ref] for key, ref in refs.items()}
        missing = {key: wanted[key] for key in reversed(wanted) if found[key] is None}
        intents = self._intended(missing)
        for group in groups:
            keys = [key_of(body) for body in group]
            found |= self._send_all({key: intents.pop(key) for key in keys if key in intents})
            then([obj for key in keys if (obj := found[key]) is not None])
        return [obj for body in bodies if (obj := found[key_of(body)]) is not None]

    def apply(self, body: Mapping[str, Any]) -> str:
        """A change of an object that this run made: `created`, `replaced`, `unchanged`."""
        key = key_of(body)
        self.session.check_place(key)
        live = self.session.connection.get(ref_of(self.session.connection, key))
        if live is None:
            self._send_all(self._intended({key: body}))
            return "created"
        self._check_ours(key, live)
        return self._replace(key, body, live)

    def delete(self, body: Mapping[str, Any]) -> str:
        """An object that this run made, taken away: `deleted`, or `absent`."""
        key = key_of(body)
        self.session.check_place(key)
        ref = ref_of(self.session.connection, key)
        live = self.session.connection.get(ref)
        if live is None:
            return "absent"
        self._check_ours(key, live)
        with self.session.stop.shield():
            record = self.session.writer.intend(Action.DELETE, key, before=None, after=None)
            with around("given.delete"):
                self.session.connection.delete(ref, uid=live["metadata"]["uid"])
            self.session.done(record)
        return "deleted"

    def label(self, ref: Ref, labels: Mapping[str, str | None]) -> str:
        """
        Set labels of a pod or a namespace (None takes one away); "" if they were so.

        Raises:
            ChangedByOthers: others have changed one of them since the run set it.
        """
        key = Key(ref.resource.api_version, ref.resource.kind, ref.namespace, ref.name)
        live = self._to_label(key, ref)
        if live is None:
            raise Refused(f"there is no {ref} to label")
        return self._label(key, ref, live, labels)

    def put_labels(self, item: Labelled, labels: Mapping[str, str | None]) -> str:
        """As `label`, for an object that the run has labelled; "" also if it is gone."""
        ref = ref_of(self.session.connection, item.key)
        live = self._to_label(item.key, ref)
        if live is None or live["metadata"]["uid"] != item.uid:
            return ""
        return self._label(item.key, ref, live, labels)

    def _to_label(self, key: Key, ref: Ref) -> Object | None:
        self.session.check_place(key)
        self.session.check_lock(ref.namespace or ref.name)
        return self.session.connection.get(ref)

    def _label(self, key: Key, ref: Ref, live: Object, labels: Mapping[str, str | None]) -> str:
        session = self.session
        session.check_owner(live)
        self._check_labels(key, live, labels)
        now = live["metadata"].get("labels") or {}
        before = {label: now.get(label) for label in labels}
        if before == dict(labels):
            return ""
        with session.stop.shield():
            record = session.writer.intend(
                Action.LABEL,
                key,
                before=before,
                after=dict(labels),
                uid=live["metadata"]["uid"],
                owners=tuple(owners_of(live, labels)),
            )
            with around("labels.set"):
                writes.set_labels(session.connection, ref, live, labels)
            session.done(record)
        return f"labelled {ref}"

    def _check_labels(self, key: Key, live: Object, labels: Collection[str]) -> None:
        """
        Raises:
            ChangedByOthers: others have changed one of them since the run set it.
        """
        for item in labelled(self.session.writer.journal):
            same = (item.key, item.uid) == (key, live["metadata"]["uid"])
            modified = item.modified(live, labels) if same else []
            if modified and not self.session.sent_since(key, item.records[-1].number):
                raise ChangedByOthers(
                    f"labels of {key} were changed by others during the run, so they are left as "
                    f"they are: {'; '.join(modified)}"
                )

    def _unmade(self, wanted: Collection[Key]) -> set[str]:
        """The namespaces among these that the snapshot found missing, and nobody made since."""
        journal = self.session.writer.journal
        made = {record.key for record in journal.history}
        names = {key.name for key in wanted if key.kind == "Namespace" and key not in made}
        return {name for name in names if name in journal.places and not journal.places[name].uid}

    def _intended(self, bodies: Mapping[Key, Mapping[str, Any]]) -> dict[Key, _Intent]:
        """What will be sent, written down."""
        session = self.session
        wanted = {
            key: with_marked_claims(marked(bare(body), session.run_id), session.run_id)
            for key, body in bodies.items()
        }
        digests = {key: digest(body) for key, body in wanted.items()}
        records = session.writer.intend_to_create(digests) if digests else {}
        return {key: _Intent(body, records[key]) for key, body in wanted.items()}

    def _send_all(self, intents: Mapping[Key, _Intent]) -> dict[Key, Object]:
        """Side by side; what was made is noted, whatever fails."""
        session = self.session
        for key in intents:
            session.check_place(key)
        with session.stop.shield(), ThreadPoolExecutor(max_workers=writes.AT_ONCE) as pool:
            sent = {key: pool.submit(self._send, one.body) for key, one in intents.items()}
            wait(sent.values())
            made = {key: future.result() for key, future in sent.items() if not future.exception()}
            for key, obj in made.items():
                session.done(intents[key].record, obj)
            return made | {key: future.result() for key, future in sent.items()}

    def _send(self, body: Object) -> Object:
        with around("given.create"):
            return writes.create(self.session.connection, body, self.session.is_ours)

    def _replace(self, key: Key, body: Mapping[str, Any], live: Object) -> str:
        session = self.session
        wanted = marked(bare(body), session.run_id)
        uid = live["metadata"]["uid"]
        with session.stop.shield():
            record = session.writer.intend(
                Action.REPLACE, key, before=None, after=None, uid=uid, digest=digest(wanted)
            )
            with around("given.apply"):
                made = session.connection.apply(wanted, force=True)
            session.done(record, made)
        same_version = made["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
        return "unchanged" if same_version else "replaced"

    def _check_ours(self, key: Key, live: Object) -> None:
        if not self.session.is_ours(live):
            raise Refused(f"{key} was there before this run, and npol changes only policies then")
