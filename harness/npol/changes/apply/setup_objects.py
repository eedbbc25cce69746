"""Objects that a run makes for itself (`given`), and labels that it sets for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.changes import writes
from npol.changes.apply.change_session import ChangeSession, bare
from npol.changes.failpoints import around
from npol.changes.journal_types import Action, Key
from npol.changes.restore.undo import ref_of
from npol.changes.state.claims import with_marked_claims
from npol.changes.state.compare import digest, marked
from npol.changes.state.field_owners import owners_of
from npol.changes.state.snapshot import key_of
from npol.errors import Refused
from npol.kube.objects import Object, Ref


@dataclass(frozen=True, slots=True)
class SetupObjects:
    """Makes objects, and takes none for its own that was there before."""

    session: ChangeSession

    def create(self, body: Mapping[str, Any]) -> Object:
        """An object of `given`; one that exists already is returned as it is, unchanged."""
        key = key_of(body)
        ref = ref_of(self.session.connection, key)
        live = self.session.connection.get(ref)
        return live if live is not None else self._create(key, body)

    def apply(self, body: Mapping[str, Any]) -> str:
        """A change of an object that this run made: `created`, `replaced`, `unchanged`."""
        key = key_of(body)
        self.session.check_place(key)
        live = self.session.connection.get(ref_of(self.session.connection, key))
        if live is None:
            self._create(key, body)
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
        """Set labels of a pod or a namespace (None takes one away); "" if they were so."""
        session = self.session
        key = Key(ref.resource.api_version, ref.resource.kind, ref.namespace, ref.name)
        session.check_place(key)
        session.check_lock(ref.namespace or ref.name)
        live = session.connection.get(ref)
        if live is None:
            raise Refused(f"there is no {ref} to label")
        session.check_owner(live)
        now = live["metadata"].get("labels") or {}
        before = {label: now.get(label) for label in labels}
        if before == dict(labels):
            return ""
        uid = live["metadata"]["uid"]
        with session.stop.shield():
            record = session.writer.intend(
                Action.LABEL,
                key,
                before=before,
                after=dict(labels),
                uid=uid,
                owners=tuple(owners_of(live, labels)),
            )
            with around("labels.set"):
                writes.set_labels(session.connection, ref, live, labels)
            session.done(record)
        return f"labelled {ref}"

    def _create(self, key: Key, body: Mapping[str, Any]) -> Object:
        session = self.session
        session.check_place(key)
        wanted = with_marked_claims(marked(bare(body), session.run_id), session.run_id)
        with session.stop.shield():
            record = session.writer.intend(
                Action.CREATE, key, before=None, after=None, digest=digest(wanted)
            )
            with around("given.create"):
                made = writes.create(session.connection, wanted, session.is_ours)
            session.done(record, made)
        return made

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
