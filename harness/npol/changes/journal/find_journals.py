"""The journals that runs have left: in the cluster, on this machine, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from npol.changes.journal import local_file
from npol.changes.journal.codec import Lines, journal_of, merged
from npol.changes.journal.configmaps import chunks_of_runs, read_chunks
from npol.changes.journal_types import Header, Journal
from npol.changes.state.snapshot import cluster_uid
from npol.errors import Refused
from npol.kube.connection import Connection
from npol.kube.objects import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that has left a journal."""

    run_id: str
    story: str
    started: str
    host: str
    pid: int
    user: str
    namespaces: tuple[str, ...]
    left: bool
    """Whether its changes were meant to stay (`--leave`)."""
    local: bool
    """Whether only this machine has its journal."""
    damage: str = ""
    """What of the journal cannot be read."""

    def __str__(self) -> str:
        who = f"{self.user} on {self.host} (pid {self.pid})"
        return f"run {self.run_id} of {self.story or 'no story'}, by {who}, {self.started}"


@dataclass(frozen=True, slots=True)
class FoundJournals:
    """One journal, both copies."""

    run: OpenRun
    header: Header
    chunks: tuple[Object, ...]
    lines: Lines
    journal: Journal


class UnreadJournals(Refused):
    """Journals that cannot be read: `unread` says why, `runs` are those with the others."""

    def __init__(self, unread: Sequence[Refused], runs: Sequence[OpenRun] = ()) -> None:
        hints = dict.fromkeys(error.hint for error in unread if error.hint)
        super().__init__("; ".join(error.message for error in unread), hint="; ".join(hints))
        self.unread = tuple(unread)
        self.runs = tuple(runs)


def open_runs(connection: Connection, *, state_directory: Path | None = None) -> list[OpenRun]:
    """
    All runs with a journal for this cluster, in the cluster or on this machine.

    Raises:
        UnreadJournals: some are of another version, or hold what npol does not write.
    """
    return [found.run for found in find(connection, state_directory)]


def find(connection: Connection, directory: Path | None) -> list[FoundJournals]:
    """
    All journals for this cluster, read and checked.

    Raises:
        UnreadJournals: some are of another version or cluster, or hold what npol does not write.
    """
    found, unread = find_readable(connection, directory)
    if unread:
        raise UnreadJournals(unread, [each.run for each in found])
    return found


def find_readable(
    connection: Connection, directory: Path | None, run_id: str | None = None
) -> tuple[list[FoundJournals], list[Refused]]:
    """
    The journals for this cluster that can be read, and why the others cannot.

    With `run_id` only that run's is looked at, so that no other stands in its way.
    """
    uid = cluster_uid(connection)
    in_cluster = chunks_of_runs(connection)
    found, unread = [], []
    for each in sorted({*in_cluster, *local_file.runs(directory)}):
        if run_id not in (None, each):
            continue
        here = local_file.read(each, directory)
        try:
            journal = _read_for(uid, each, tuple(in_cluster.get(each, ())), here)
        except Refused as error:
            unread.append(error)
        else:
            found += [journal] if journal else []
    return found, unread


def _read_for(
    cluster: str, run_id: str, chunks: tuple[Object, ...], here: Lines
) -> FoundJournals | None:
    """
    A run's journal; None where there is only a file of this machine about another cluster.

    Raises:
        Refused: it is of another version or cluster, or holds what npol does not write.
    """
    found = _read(run_id, chunks, here)
    if found is None or found.header.cluster_uid == cluster:
        return found
    if chunks:
        raise Refused(f"the journal of run {run_id} was written for another cluster")
    return None


def _read(run_id: str, chunks: tuple[Object, ...], here: Lines) -> FoundJournals | None:
    there, broken = read_chunks(chunks)
    lines = merged(there, here)
    try:
        journal = journal_of(lines)
    except Refused as error:
        raise Refused(f"run {run_id}: {error.message}", hint=error.hint) from error
    header = journal.header
    if header is None:
        if chunks:
            raise Refused(f"the journal of run {run_id} has lost its beginning")
        return None
    missing = sorted(set(range(1, max(lines) + 1)) - set(lines))
    damage = f"{len(missing) or broken} entries cannot be read" if missing or broken else ""
    run = OpenRun(
        run_id=run_id,
        story=header.story,
        started=header.started,
        host=header.host,
        pid=header.pid,
        user=header.user,
        namespaces=journal.namespaces,
        left=journal.left is not None,
        local=not chunks,
        damage=damage if missing or not here else "",
    )
    return FoundJournals(run, header, chunks, lines, journal)


def left_runs(connection: Connection) -> list[OpenRun]:
    """The runs whose changes were meant to stay, by the journals in the cluster."""
    found = []
    for run_id, chunks in chunks_of_runs(connection).items():
        try:
            each = _read(run_id, tuple(chunks), {})
        except Refused:  # of another version: `npol recover` says so
            continue
        if each is not None and each.run.left:
            found.append(each.run)
    return found
