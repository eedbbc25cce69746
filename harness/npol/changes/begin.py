"""The beginning of a run: checks, journal, locks, snapshot, in an order that leaks nothing."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from npol.changes.journal.configmaps import ClusterCopy, ensure_state_namespace
from npol.changes.journal.find_journals import left_runs
from npol.changes.journal.local_file import LocalFile
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Header, NamespaceSnapshot, PolicySnapshot
from npol.changes.lock import holder
from npol.changes.lock.leases import holder_of, ref, steady
from npol.changes.lock.lock import Lock
from npol.changes.recover import recovery
from npol.changes.state.snapshot import check_usable, cluster_uid, take, take_places
from npol.changes.watchdog import Watchdog
from npol.errors import InputError, LockHeld, Refused
from npol.kube.connection import Connection
from npol.kube.objects import NAMESPACES, Resource
from npol.kube.signals import Stop

RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
"""A run's id becomes part of the names of objects and files."""
POLL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOptions:
    """What a run asks for; see Transaction.open."""

    run_id: str
    namespaces: tuple[str, ...]
    story: str
    create_namespaces: bool
    left_ok: bool
    recover_stale: bool
    disposable: bool
    wait: float
    kinds: tuple[Resource, ...]
    lease: float
    state_directory: Path | None


@dataclass(frozen=True, slots=True)
class StartedTransaction:
    """A run that has begun."""

    writer: JournalWriter
    lock: Lock
    watchdog: Watchdog | None


class TransactionStart:
    """Begins one run, or leaves nothing."""

    def __init__(self, connection: Connection, terms: TransactionOptions, stop: Stop) -> None:
        self._connection = connection
        self._terms = terms
        self._stop = stop

    def open(self) -> StartedTransaction:
        """
        Raises:
            InputError: the run's id cannot be part of a name.
            Refused: a namespace cannot be used, or the journal cannot be written.
            LockHeld: another run holds a namespace.
        """
        terms = self._terms
        if not RUN_ID.fullmatch(terms.run_id):
            raise InputError(f"a run's id is made of a-z, 0-9 and dashes, got {terms.run_id!r}")
        usable = take_places(self._connection, terms.namespaces)
        check_usable(usable, create_missing=terms.create_namespaces)
        kinds = (*terms.kinds, *([NAMESPACES] if terms.create_namespaces else ()))
        self._connection.permit(namespaces=terms.namespaces, kinds=kinds)
        ensure_state_namespace(self._connection)
        self._check_nothing_left()
        return self._begin(self._header())

    def _header(self) -> Header:
        me = holder.myself()
        return Header(
            run_id=self._terms.run_id,
            cluster_uid=cluster_uid(self._connection),
            story=self._terms.story,
            namespaces=self._terms.namespaces,
            started=datetime.now(UTC).isoformat(timespec="milliseconds"),
            host=me.host,
            pid=me.pid,
            process=me.process,
            user=me.user,
        )

    def _begin(self, header: Header) -> StartedTransaction:
        terms, connection = self._terms, self._connection
        watchdog = None
        if not terms.disposable:  # first of all, so that it sees the end of anything later
            watchdog = Watchdog.start(connection, terms.run_id, terms.state_directory)
        lock = Lock(connection, terms.run_id, duration=terms.lease)
        try:
            writer = self._writer()
        except BaseException:
            _dismiss(watchdog)
            raise
        try:
            writer.write(header)
            self._lock(lock)
            writer.write(*self._snapshot())
        except BaseException:
            lock.release()
            writer.remove()
            writer.close()
            _dismiss(watchdog)
            raise
        return StartedTransaction(writer, lock, watchdog)

    def _writer(self) -> JournalWriter:
        terms, local = self._terms, None
        if not terms.disposable:
            local = LocalFile.create(terms.run_id, terms.state_directory)
        return JournalWriter(ClusterCopy(self._connection, terms.run_id), local)

    def _snapshot(self) -> list[NamespaceSnapshot | PolicySnapshot]:
        snapshot = take(self._connection, self._terms.namespaces)
        check_usable(snapshot, create_missing=self._terms.create_namespaces)
        return snapshot.entries

    def _lock(self, lock: Lock) -> None:
        until = steady() + self._terms.wait
        while True:
            places = take_places(self._connection, self._terms.namespaces).places
            try:
                lock.acquire(place.name for place in places.values() if place.uid)
                return
            except LockHeld:
                if self._terms.recover_stale and self._recovered_dead():
                    continue
                if steady() >= until:
                    raise
            self._stop.check()
            time.sleep(POLL)

    def _recovered_dead(self) -> bool:
        """Recover the runs that hold our namespaces; whether all of them were dead."""
        leases = [self._connection.get(ref(name)) for name in self._terms.namespaces]
        holders = {holder_of(lease) for lease in leases if lease} - {self._terms.run_id}
        return all(self._recovered(holder) for holder in holders)

    def _recovered(self, run_id: str) -> bool:
        done = recovery.recover(
            self._connection.fresh(),  # a connection's permits are for one run
            run_id=run_id,
            stop=self._stop,
            state_directory=self._terms.state_directory,
        )
        return all(
            each.result.complete if each.result else not each.alive  # left on purpose
            for each in done
        )

    def _check_nothing_left(self) -> None:
        if self._terms.left_ok:
            return
        for run in left_runs(self._connection):
            shared = sorted(set(run.namespaces) & set(self._terms.namespaces))
            if shared:
                raise Refused(
                    f"{run} has left its changes in {', '.join(shared)}",
                    hint=f"to take them back: npol rollback {run.story} {self._connection.options}",
                )


def _dismiss(watchdog: Watchdog | None) -> None:
    if watchdog is not None:
        watchdog.dismiss()
