"""One run's hold on a cluster: what every change needs, and the checks before each of them."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

from npol.changes import writes
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Action, Key, NamespaceSnapshot, Record, State
from npol.changes.restore.undo import ref_of
from npol.changes.state.compare import difference, digest, is_leaving, run_of, still, waits_for
from npol.changes.state.gitops import gitops_owner
from npol.changes.state.label_history import labels_at
from npol.changes.state.object_history import ObjectHistory, touched
from npol.changes.state.snapshot import check_allowed, key_of
from npol.errors import Refused
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.objects import Object
from npol.kube.signals import Stop

NOT_FOR_MANIFESTS = ("ownerReferences", "finalizers", "uid", "resourceVersion", "generateName")


GONE_WITHIN = 60.0
"""Seconds that the finalizers of a deleted policy may take."""
POLL = 0.25
FINALIZER_TRIES = 4
"""Finalizers in a row that may come between a read and its write."""

log = logging.getLogger(__name__)


class ChangedByOthers(Refused):
    """An object is not what the run knows; it is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWrite:
    """A change of one object: what the journal says of it, and what sends it."""

    action: Action
    key: Key
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None = None
    uid: str = ""
    send: Callable[[], Any]
    """Returns what was made of it, None for a deletion."""

    @property
    def record(self) -> Record:
        """As an intent, without its number."""
        return Record(
            number=0,
            action=self.action,
            key=self.key,
            before=self.before,
            after=self.after,
            uid=self.uid,
        )


@dataclass(slots=True, kw_only=True)
class ChangeSession:
    """What the changes of one run share."""

    connection: Connection
    writer: JournalWriter
    run_id: str
    stop: Stop
    check_lock: Callable[[str], None]
    """Raises LockHeld where the namespace is not ours, or not any more."""
    replace: bool = False
    allow_gitops: bool = False
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    seen: dict[Key, Object | None] = field(default_factory=dict)
    """Policies as they were a moment ago; a write over one that is not so any more is refused."""

    def touched(self, key: Key) -> ObjectHistory | None:
        return next((t for t in touched(self.writer.journal) if t.key == key), None)

    def written(self) -> Mapping[Key, Mapping[str, Any] | None]:
        """The NetworkPolicies that this run changed, as it left them."""
        items = touched(self.writer.journal)
        return {t.key: t.last_written for t in items if t.key.is_network_policy}

    def sent_since(self, key: Key, number: int) -> bool:
        """Whether the run has sent the whole object after the record of that number."""
        item = self.touched(key)
        return item is not None and item.records[-1].number > number

    def first(self, key: Key, live: Object | None) -> Mapping[str, Any] | None:
        """What there was before the run: what its first record says, else what is there now."""
        item = self.touched(key)
        return item.before if item else live

    def known(self, key: Key) -> Object | None:
        """A policy as this run left it, else as it was before; None: there is none."""
        item, seen = self.touched(key), self.writer.journal.seen.get(key)
        known = item.last_written if item else (seen.body if seen else None)
        return None if known is None else dict(known)

    def as_known(self, keys: Iterable[Key]) -> dict[Key, Object | None]:
        """
        The live objects of policies, as they were `seen` where that was not asked before.

        Raises:
            ChangedByOthers: one is not what this run saw or left.
        """
        known = {key: self.seen.pop(key) for key in dict.fromkeys(keys) if key in self.seen}
        refs = {key: ref_of(self.connection, key) for key in keys if key not in known}
        found = get_all(self.connection, refs.values())
        known |= {key: found[ref] for key, ref in refs.items()}
        for key, live in known.items():
            if live is not None and is_leaving(live):
                raise ChangedByOthers(f"{key} is being deleted; {_held_by(live)}")
            remark = self.modified_by_others(key, live)
            if remark:
                raise ChangedByOthers(f"{remark}, so it is left as it is")
        return known

    def write_all(self, planned: Sequence[PlannedWrite]) -> list[Any]:
        """
        Writes that do not need each other: all are written down before the first is sent, and
        what was done is noted, whatever fails. What each was answered.
        """
        if not planned:
            return []
        with self.stop.shield(), ThreadPoolExecutor(max_workers=writes.AT_ONCE) as pool:
            records = self.writer.intend_all([write.record for write in planned])
            sent = [pool.submit(write.send) for write in planned]
            wait(sent)
            for record, future in zip(records, sent, strict=True):
                if not future.exception():
                    self.done(record, future.result())
            return [future.result() for future in sent]

    def modified_by_others(self, key: Key, live: Mapping[str, Any] | None) -> str:
        """What others did to a policy during the run, with a diff; "" for nothing."""
        item, known = self.touched(key), self.known(key)
        if item is not None and item.is_as_left(live):
            return ""
        if item is None and still(known, live) and _uid(known) == _uid(live):
            return ""
        sides = ("known to npol", "in the cluster")
        diff = difference(known, live, name=str(key), labels=sides) or "(it was made anew)"
        return f"{key} was changed by others during the run\n{diff}\n"

    def namespace_modified_by_others(self, now: NamespaceSnapshot) -> str:
        """What others did to a namespace during the run; "" for nothing."""
        journal = self.writer.journal
        recorded = journal.places[now.name]
        if not recorded.uid:
            return ""  # it is made by this run
        if recorded.uid != now.uid:
            how = "made anew" if now.uid else "deleted"
            return f"namespace {now.name} was {how} by others during the run"
        if labels_at(journal, recorded, len(journal.records)) == now.labels:
            return ""
        return f"the labels of namespace {now.name} were changed by others during the run"

    def sent_over(self, key: Key, live: Object, send: Callable[[Object], Any]) -> Any:
        """
        As `sent`, for a write over the version that was read.

        A controller that only adds a finalizer makes a new version of the same policy: that
        is read again, and the write is sent over it.
        """
        for _ in range(FINALIZER_TRIES):
            try:
                return self.sent(key, functools.partial(send, live))
            except ChangedByOthers:
                found = self.connection.get(ref_of(self.connection, key))
                if found is None or _uid(found) != _uid(live) or _version(found) == _version(live):
                    raise
                if not still(live, found):
                    raise
                live = found
        return self.sent(key, functools.partial(send, live))

    def wait_until_gone(self, key: Key) -> None:
        """
        Wait for a deleted policy's finalizers: until then it is there, and in force.

        Raises:
            Refused: a finalizer stays.
        """
        until = self.now() + GONE_WITHIN
        while live := self.connection.get(ref_of(self.connection, key)):
            if not is_leaving(live):
                raise ChangedByOthers(f"{key} was made anew by others, so it is left as it is")
            self.stop.check()
            if self.now() >= until:
                raise Refused(
                    f"{key} was deleted, and is still there after {GONE_WITHIN:g} s; "
                    f"{_held_by(live)}",
                    hint="see to the controller whose finalizer it is; "
                    "the policy is made anew once it is gone",
                )
            log.info("waiting for %s to be gone: %s", key, _held_by(live))
            self.sleep(POLL)

    def sent(self, key: Key, send: Callable[[], Any]) -> Any:
        """Send a write, if the lock is still ours; a conflict means that others were faster."""
        self.check_lock(key.place)
        try:
            return send()
        except ApiError as error:
            if error.status == 409:
                raise ChangedByOthers(f"{key} was changed by others just now: {error}") from error
            raise

    def done(self, record: Record, made: Mapping[str, Any] | None = None) -> None:
        """Note that a change was made, and into what."""
        known: dict[str, Any] = {}
        if made is not None:
            known["uid"] = made["metadata"]["uid"]
            known["after"] = slim(made) if record.after is not None else None
            known["digest"] = "" if record.after is not None else digest(made)
        self.writer.note(replace(record, state=State.DONE, **known))

    def check_place(self, key: Key) -> None:
        """
        Raises:
            Refused: the namespace is protected.
            LockHeld: it is not ours, or not any more.
        """
        check_allowed(key.namespace or (key.name if key.kind == "Namespace" else ""))
        if key.namespace or key.is_policy:
            self.check_lock(key.place)

    def check_owner(self, live: Mapping[str, Any]) -> None:
        """
        Raises:
            Refused: a GitOps controller keeps the object as Git has it.
        """
        owner = gitops_owner(live)
        if owner and not self.allow_gitops:
            raise Refused(
                f"{key_of(live)} belongs to {owner}, which would revert a change",
                hint="suspend its synchronisation, then allow it with --allow-gitops",
            )

    def check_replaceable(self, live: Mapping[str, Any], asked: bool) -> None:
        """
        Raises:
            Refused: the object was there before the run, and nobody asked to replace it.
        """
        if run_of(live) == self.run_id:
            return
        self.check_owner(live)
        if not (asked or self.replace):
            raise Refused(
                f"{key_of(live)} exists already, with other content",
                hint="`replace: true` in the story, or --replace: it is put back at the end",
            )

    def is_ours(self, found: Mapping[str, Any]) -> bool:
        return run_of(found) == self.run_id


def bare(body: Mapping[str, Any]) -> Object:
    """
    A manifest as it may be sent: without status, and tied to no other object.

    Raises:
        Refused: it sets metadata that is not for a manifest to set.
    """
    for name in NOT_FOR_MANIFESTS:
        if (body.get("metadata") or {}).get(name):
            raise Refused(f"{key_of(body)}: metadata.{name} is not for a manifest to set")
    return {key: value for key, value in body.items() if key != "status"}


def slim(obj: Mapping[str, Any]) -> Object:
    """Without managedFields, which only a pre-image needs."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return {**obj, "metadata": metadata}


def _held_by(live: Mapping[str, Any]) -> str:
    return f"it waits for {waits_for(live) or 'the server'}"


def _version(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _uid(obj: Mapping[str, Any] | None) -> str:
    return obj["metadata"]["uid"] if obj else ""
