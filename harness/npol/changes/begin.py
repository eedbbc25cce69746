"""The beginning of a run: checks, journal, locks, snapshot, in an order that leaks nothing."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from npol.changes.journal.configmaps import (
    ClusterCopy,
    has_state_namespace,
    make_state_namespace,
)
from npol.changes.journal.find_journals import OpenRun, left_runs
from npol.changes.journal.local_file import LocalFile
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import CLUSTER, Header, Key, NamespaceSnapshot, PolicySnapshot
from npol.changes.lock import holder
from npol.changes.lock.leases import DURATION, holder_of, ref, spell_place, steady
from npol.changes.lock.lock import Lock
from npol.changes.recover import recovery
from npol.changes.state.snapshot import Snapshot, check_usable, cluster_uid, take, take_places
from npol.changes.watchdog import Watchdog
from npol.errors import InputError, LockHeld, Refused
from npol.kube.connection import Connection
from npol.kube.objects import NAMESPACES, Resource
from npol.kube.signals import Stop
from npol.model.next_command import npol_command

log = logging.getLogger(__name__)

RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
"""A run's id becomes part of the names of objects and files."""
POLL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOptions:
    """What a run asks of its transaction."""

    run_id: str
    """Lower case letters, digits and dashes, at most 40."""
    namespaces: Sequence[str]
    """All that will be changed or hold debug pods."""
    story: str = ""
    """What `npol rollback` finds the run by; best its path from the root."""
    create_namespaces: bool = False
    """Namespaces that are missing are `create`d by the run."""
    replace: bool = False
    """Policies that exist may be replaced (and come back)."""
    allow_left_changes: bool = False
    """Go on although another run has left its changes here on purpose."""
    allow_gitops: bool = False
    """Change what Argo CD, Flux and the like own."""
    recover_stale: bool = False
    """Where the holder of a lock is dead, recover its run, then lock."""
    disposable: bool = False
    """The cluster ends with this process, so no watchdog and no file."""
    wait: float = 0.0
    """Seconds to wait for a lock that another run holds."""
    kinds: Sequence[Resource] = ()
    """What `create` will need, besides policies."""
    other_policies: Sequence[Key] = ()
    """Policies of other kinds than NetworkPolicy that will be changed."""
    subresources: Sequence[str] = ()
    """What will be written of other objects: `pods/eviction`, `deployments.apps/scale`."""
    lease: float = DURATION
    """Seconds without a renewal after which this run counts as dead."""
    state_directory: Path | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """The namespaces that are locked, and CLUSTER where its own policies are changed."""
        cluster = {key.place for key in self.other_policies} & {CLUSTER}
        return tuple(sorted({*self.namespaces, *cluster}))


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What stands at the beginning of a run, before anything of it is locked."""

    state_namespace: bool
    """Whether there is one."""
    left: Sequence[OpenRun]
    """The runs whose changes were meant to stay."""
    uid: str
    """The cluster's."""
    usable: Snapshot
    """The namespaces alone."""


def first_look(connection: Connection, options: TransactionOptions) -> FirstLook:
    """
    Look at what a run needs to know before it begins; nothing is changed.

    Raises:
        Refused: it cannot be read.
    """
    with ThreadPoolExecutor(max_workers=3) as pool:
        state = pool.submit(has_state_namespace, connection)
        left = None if options.allow_left_changes else pool.submit(left_runs, connection)
        uid = pool.submit(cluster_uid, connection)
        return FirstLook(
            usable=take_places(connection, options.places),
            state_namespace=state.result(),
            left=left.result() if left else (),
            uid=uid.result(),
        )


@dataclass(frozen=True, slots=True)
class StartedTransaction:
    """A run that has begun."""

    writer: JournalWriter
    lock: Lock
    watchdog: Watchdog | None


class TransactionStart:
    """Begins one run, or leaves nothing."""

    def __init__(self, connection: Connection, options: TransactionOptions, stop: Stop) -> None:
        self._connection = connection
        self._options = options
        self._namespaces = options.places
        self._stop = stop
        self._places: Mapping[str, NamespaceSnapshot] = {}
        """The namespaces as they were read first; the snapshot is taken once they are locked."""

    def open(self, seen: FirstLook | None = None) -> StartedTransaction:
        """
        `seen`: what was looked at a moment ago; None: it is looked at now.

        Raises:
            InputError: the run's id cannot be part of a name.
            Refused: a namespace cannot be used, or the journal cannot be written.
            LockHeld: another run holds a namespace.
        """
        options = self._options
        if not RUN_ID.fullmatch(options.run_id):
            raise InputError(f"a run's id is made of a-z, 0-9 and dashes, got {options.run_id!r}")
        seen = seen or first_look(self._connection, options)
        check_usable(seen.usable, create_missing=options.create_namespaces)
        self._places = seen.usable.places
        kinds = (*options.kinds, *([NAMESPACES] if options.create_namespaces else ()))
        others = {(key.api_version, key.kind) for key in options.other_policies}
        kinds = (*kinds, *(self._connection.resource(*kind) for kind in sorted(others)))
        self._connection.permit(
            namespaces=self._namespaces, kinds=kinds, subresources=options.subresources
        )
        if not seen.state_namespace:
            make_state_namespace(self._connection)
        self._check_nothing_left(seen.left)
        return self._begin(self._header(seen.uid))

    def _header(self, uid: str) -> Header:
        me = holder.myself()
        return Header(
            run_id=self._options.run_id,
            cluster_uid=uid,
            story=self._options.story,
            namespaces=self._namespaces,
            started=datetime.now(UTC).isoformat(timespec="milliseconds"),
            host=me.host,
            pid=me.pid,
            process=me.process,
            user=me.user,
        )

    def _begin(self, header: Header) -> StartedTransaction:
        options, connection = self._options, self._connection
        watchdog = None
        if not options.disposable:  # first of all, so that it sees the end of anything later
            watchdog = Watchdog.start(connection, options.run_id, options.state_directory)
        lock = Lock(connection, options.run_id, duration=options.lease)
        try:
            writer = self._writer()
        except BaseException:
            _dismiss(watchdog)
            raise
        try:
            # in the cluster with what is about to be changed first
            writer.note(*self._locked(lock, writer, header))
        except BaseException:
            lock.release()
            writer.remove()
            writer.close()
            _dismiss(watchdog)
            raise
        return StartedTransaction(writer, lock, watchdog)

    def _locked(
        self, lock: Lock, writer: JournalWriter, header: Header
    ) -> list[NamespaceSnapshot | PolicySnapshot]:
        """The snapshot, once all is locked; where there is nothing to lock, nothing to wait for."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            locks = any(place.uid for place in self._places.values())
            ahead = None if locks else pool.submit(self._snapshot)
            writer.write(header)
            self._lock(lock)
            return ahead.result() if ahead else self._snapshot()

    def _writer(self) -> JournalWriter:
        options, local = self._options, None
        if not options.disposable:
            local = LocalFile.create(options.run_id, options.state_directory)
        return JournalWriter(ClusterCopy(self._connection, options.run_id), local)

    def _snapshot(self) -> list[NamespaceSnapshot | PolicySnapshot]:
        others = self._options.other_policies
        snapshot = take(self._connection, self._namespaces, also=others)
        check_usable(snapshot, create_missing=self._options.create_namespaces)
        return snapshot.entries

    def _lock(self, lock: Lock) -> None:
        until = steady() + self._options.wait
        while True:
            try:
                lock.acquire(place.name for place in self._places.values() if place.uid)
                return
            except LockHeld:
                if self._options.recover_stale and self._recovered_dead():
                    continue
                if steady() >= until:
                    raise
            self._stop.check()
            log.info("locked by another run, %.0f s left to wait for it", until - steady())
            time.sleep(POLL)
            self._places = take_places(self._connection, self._namespaces).places

    def _recovered_dead(self) -> bool:
        """Recover the runs that hold our namespaces; whether all of them were dead."""
        leases = [self._connection.get(ref(name)) for name in self._namespaces]
        holders = {holder_of(lease) for lease in leases if lease} - {self._options.run_id}
        return all(self._recovered(holder) for holder in holders)

    def _recovered(self, run_id: str) -> bool:
        with closing(self._connection.fresh()) as own:  # a connection's permits are for one run
            done = recovery.recover(
                own,
                run_id=run_id,
                stop=self._stop.child(),
                state_directory=self._options.state_directory,
            )
        return all(
            each.result.complete if each.result else not each.alive  # left on purpose
            for each in done
        )

    def _check_nothing_left(self, left: Iterable[OpenRun]) -> None:
        for run in left:
            shared = sorted(set(run.namespaces) & set(self._namespaces))
            if shared:
                options = self._connection.options
                back = npol_command("rollback", path=run.story, options=options)
                raise Refused(
                    f"{run} has left its changes in {', '.join(map(spell_place, shared))}",
                    hint=f"to take them back: {back}",
                )


def _dismiss(watchdog: Watchdog | None) -> None:
    if watchdog is not None:
        watchdog.dismiss()
