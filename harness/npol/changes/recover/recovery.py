"""
The way back for runs that ended without it: from the journal in the cluster, on any machine.

A run that still lives is left alone: on its own machine by looking at its process, elsewhere
by watching whether its Leases are renewed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from npol.changes.journal import local_file
from npol.changes.journal.configmaps import ClusterCopy
from npol.changes.journal.find_journals import (
    FoundJournals,
    OpenRun,
    UnreadJournals,
    find_readable,
    open_runs,
)
from npol.changes.journal.local_file import LocalFile
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Action, Header, Journal
from npol.changes.lock import holder
from npol.changes.lock.leases import held_words, holder_of, ref, watch_renewals
from npol.changes.lock.lock import Lock
from npol.changes.recover import orphans
from npol.changes.restore.cleanup import conclude, let_go
from npol.changes.restore.restore import Restoration, restore
from npol.changes.restore.verify import RestoreProblem
from npol.changes.state.scale_history import scale_of
from npol.changes.state.snapshot import take_places
from npol.errors import ExitCode, LockHeld, NpolError, Refused
from npol.kube.connection import Connection
from npol.kube.objects import CLAIMS, Object
from npol.kube.signals import Stop
from npol.model.result import RestoreResult

__all__ = [
    "OpenRun",
    "RecoveredInPart",
    "Recovery",
    "UnreadJournals",
    "exit_code",
    "open_runs",
    "recover",
]

WITHIN = 120.0
"""Seconds that the restore of one run may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What became of one open run; `skipped` says why nothing was done."""

    run: OpenRun
    result: RestoreResult | None = None
    skipped: str = ""
    alive: bool = False
    blocked: bool = False
    """Whether another run holds all of its namespaces, so that nothing could be done."""
    ours_left: bool = False
    """Whether something of the run is still in the cluster."""


def exit_code(recoveries: Iterable[Recovery]) -> ExitCode:
    """
    0 only if every run that could be recovered was, proven by a fresh read.

    A run that lives needs no recovery, so beside one that was recovered it does no harm.
    """
    done = list(recoveries)
    if any(r.result is not None and not r.result.complete for r in done):
        return ExitCode.RESTORE_INCOMPLETE
    recovered = any(r.result is not None for r in done)
    if any(r.blocked or (r.alive and not recovered) for r in done):
        return ExitCode.LOCK
    return ExitCode.AS_EXPECTED


class RecoveredInPart(Refused):
    """Journals that cannot be read; `done` is what became of the runs with the others."""

    def __init__(self, unread: Refused, done: Sequence[Recovery]) -> None:
        super().__init__(unread.message, hint=unread.hint)
        self.done = tuple(done)
        if exit_code(done) is ExitCode.RESTORE_INCOMPLETE:
            self.exit_code = ExitCode.RESTORE_INCOMPLETE


def recover(
    connection: Connection,
    *,
    run_id: str | None = None,
    accept_foreign: bool = False,
    known_dead: bool = False,
    with_left: bool = False,
    within: float = WITHIN,
    stop: Stop | None = None,
    state_directory: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Recovery]:
    """
    Restore what dead runs have changed; safe to repeat, safe to be killed.

    Args:
        run_id: this run only, whatever is wrong with the journals of others; None: all.
        accept_foreign: what others have changed is theirs: it is listed among the actions,
            and the run is closed once nothing of its own is left.
        known_dead: the caller has seen the run's process end.
        with_left: also runs whose changes were meant to stay.

    Raises:
        RecoveredInPart: a journal is of another cluster or version; all others are done.
        Refused: there is no such run.
    """
    local_file.remove_empty(state_directory)
    found, unread = find_readable(connection, state_directory, run_id)
    if run_id and not found and not unread:
        return [_recover_orphan(connection, run_id, known_dead, sleep)]
    terms = _Terms(accept_foreign, within, stop or Stop(), state_directory, sleep)
    done = [
        _recover(connection, each, terms, known_dead=known_dead, with_left=with_left)
        for each in sorted(found, key=lambda f: f.header.started, reverse=True)
    ]
    if unread:
        raise RecoveredInPart(UnreadJournals(unread), done)
    return done


def _recover_orphan(
    connection: Connection, run_id: str, known_dead: bool, sleep: Callable[[float], None]
) -> Recovery:
    locks = orphans.locks_of(connection, run_id)
    if not locks:
        raise Refused(f"there is no open run {run_id} in this cluster or on this machine")
    run = orphans.run_of_locks(run_id, locks)
    if not known_dead and orphans.alive(connection, locks, sleep):
        return Recovery(run=run, skipped=f"{run}: it still renews its locks", alive=True)
    done = orphans.release(connection, run_id, locks)
    return Recovery(run=run, result=done.result, ours_left=done.ours_left)


@dataclass(frozen=True, slots=True)
class _Terms:
    accept_foreign: bool
    within: float
    stop: Stop
    directory: Path | None
    sleep: Callable[[float], None]


def _recover(
    connection: Connection,
    found: FoundJournals,
    terms: _Terms,
    *,
    known_dead: bool,
    with_left: bool,
) -> Recovery:
    run = found.run
    held = {name: connection.get(ref(name)) for name in found.journal.namespaces}
    locks = {n: le for n, le in held.items() if le and holder_of(le) == run.run_id}
    if not known_dead and (locks or not run.left):
        sign = _sign_of_life(connection, found.header, locks, terms.sleep)
        if sign:
            return Recovery(run=run, skipped=f"{run}: {sign}", alive=True)
    permit(connection, found.journal)
    if run.left and not with_left:
        if locks:  # it ended before it could let them go
            let_go(connection, run.run_id, locks)
        return Recovery(run=run, skipped=f"{run}: its changes were left on purpose")
    lock = Lock(connection, run.run_id)
    taken = _take_over(connection, lock, found.journal)
    if taken.nothing:
        lock.stop()
        return Recovery(run=run, skipped=f"{run}: {taken.why}", alive=True, blocked=True)
    with terms.stop.restoring():
        done = _restore(connection, found, lock, terms, taken.blocked)
        return Recovery(run=run, result=done.result, ours_left=done.ours_left)


def _sign_of_life(
    connection: Connection,
    header: Header,
    locks: Mapping[str, Object],
    sleep: Callable[[float], None],
) -> str:
    known = holder.alive(header.process, header.pid)
    if known is not None:
        return f"it is still running here, pid {header.pid}" if known else ""
    renewed = watch_renewals(connection, locks, sleep=sleep)
    return f"it still renews its locks, from {header.host}" if renewed else ""


def permit(connection: Connection, journal: Journal) -> None:
    """Let the connection write what the journal needs, and no more."""
    scaled = {r.key for r in journal.history if r.action is Action.SCALE}
    keys = [record.key for record in journal.history if record.action is not Action.SCALE]
    kinds = {connection.resource(key.api_version, key.kind) for key in keys}
    kinds |= {CLAIMS} if any(key.kind == "StatefulSet" for key in keys) else set()
    made = {key.name for key in keys if key.kind == "Namespace"}
    connection.permit(
        namespaces={*journal.namespaces, *made},
        kinds=kinds,
        subresources=[scale_of(connection.resource(k.api_version, k.kind)) for k in scaled],
    )


@dataclass(slots=True)
class _Taken:
    """The locks of a dead run that could be taken over, and the others."""

    blocked: dict[str, str] = field(default_factory=dict)
    """Namespace -> who else holds it."""
    free: int = 0
    renewed: str = ""
    """The namespace whose lock the run itself has just renewed: it lives."""

    @property
    def nothing(self) -> bool:
        return bool(self.renewed or (self.blocked and not self.free))

    @property
    def why(self) -> str:
        if self.renewed:
            return f"the lock of namespace {self.renewed} was renewed just now"
        return "; ".join(self.blocked.values())


def _take_over(connection: Connection, lock: Lock, journal: Journal) -> _Taken:
    """Become the holder of the run's locks, but of those that another run holds."""
    taken = _Taken()
    for place in take_places(connection, journal.namespaces).places.values():
        lease = connection.get(ref(place.name))
        if lease is None and place.uid:
            try:
                lock.acquire([place.name])
            except LockHeld as error:
                taken.blocked[place.name] = error.message
                continue
        elif lease and (not journal.header or holder_of(lease) != journal.header.run_id):
            taken.blocked[place.name] = held_words(place.name, lease)
            continue
        elif lease and not lock.take_over(place.name, lease):
            taken.renewed = place.name
            return taken
        taken.free += bool(place.uid)
    lock.keep()
    return taken


def _restore(
    connection: Connection,
    found: FoundJournals,
    lock: Lock,
    terms: _Terms,
    blocked: Mapping[str, str],
) -> Restoration:
    local = LocalFile.reopen(found.run.run_id, terms.directory)
    copy = ClusterCopy(connection, found.run.run_id, found.chunks) if found.chunks else None
    writer = JournalWriter(copy, local, found.lines)
    done = restore(
        connection,
        writer,
        stop=terms.stop,
        within=terms.within,
        blocked=blocked,
        sleep=terms.sleep,
    )
    done = _judged(done, found, accept=terms.accept_foreign or found.run.local)
    try:
        return conclude(connection, writer, lock, found.run.run_id, done)
    except NpolError as error:
        problem = RestoreProblem(
            text=f"locks, pods and journal are not all gone: {error}", ours=True
        )
        return done.with_problems([problem])
    finally:
        lock.stop()
        writer.close()


def _judged(done: Restoration, found: FoundJournals, *, accept: bool) -> Restoration:
    """With the damage to the journal; and where accepted, without what others changed."""
    if found.run.damage and not accept:
        text = f"the journal is damaged: {found.run.damage}; look before you accept that"
        done = done.with_problems([RestoreProblem(text=text, ours=False)])
    return done.accepting_foreign() if accept and not done.ours_left else done
