"""
The journal while a run is under way: what is about to change is written first, twice.

An intent is on this machine's disk and in the cluster before the change is sent (guarantee
G1). What became of it is on the disk at once, and in the cluster with the next intent:
until then the intent's own `after` is enough to recognise our work.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from npol.changes.journal.codec import Lines, journal_of, written
from npol.changes.journal.configmaps import ClusterCopy
from npol.changes.journal.local_file import LocalFile
from npol.changes.journal_types import Action, Entry, Key, Record, State, check_writable
from npol.errors import NpolError, Refused
from npol.kube.objects import Object

log = logging.getLogger(__name__)


class JournalWriter:
    """Both copies of one run's journal, and what it says so far."""

    def __init__(
        self, cluster: ClusterCopy | None, local: LocalFile | None, lines: Lines | None = None
    ) -> None:
        self._cluster = cluster
        self._local = local
        self._next = max(lines or {0: ""}) + 1
        self._waiting: list[str] = []
        self._ahead: list[Record] = []
        """Intents that both copies hold already, and that nobody has asked for yet."""
        self.journal = journal_of(lines or {})

    def write(self, *entries: Entry) -> None:
        """
        Write entries and wait until both copies hold them.

        Raises:
            Refused: a copy cannot be written; nothing may be changed then.
        """
        self._waiting += self._taken(entries)
        self.flush()

    def note(self, *entries: Entry) -> None:
        """Write entries to the disk; the cluster gets them with the next `write`."""
        self._waiting += self._taken(entries)

    def flush(self) -> None:
        """Write to the cluster what waits for it."""
        if self._waiting and self._cluster is not None:
            self._cluster.append(self._waiting)
            log.info("journal: %d entries written to the cluster", len(self._waiting))
        self._waiting = []

    def intend(
        self,
        action: Action,
        key: Key,
        *,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        uid: str = "",
        owners: tuple[Object, ...] = (),
        digest: str = "",
    ) -> Record:
        """
        Write down what is about to change.

        Raises:
            Refused: a copy cannot be written, or npol never writes this.
        """
        (record,) = self.intend_all(
            [
                Record(
                    number=0,
                    action=action,
                    key=key,
                    before=before,
                    after=after,
                    uid=uid,
                    owners=owners,
                    digest=digest,
                )
            ]
        )
        return record

    def intend_all(self, drafts: Sequence[Record]) -> list[Record]:
        """As `intend`, for several changes: one write holds them all. They get their numbers."""
        records, ahead = self._numbered(drafts), self._ahead
        self._ahead = []
        if records == ahead:
            for record in records:
                self.journal.take(record)
        else:
            _log(records)
            self.write(*records)
        return records

    def intend_ahead(self, drafts: Sequence[Record]) -> None:
        """
        Write down what `intend_all` will be asked for next, so that it need not wait for that.

        Until it is, this process knows nothing of them; what is intended instead takes their
        numbers. For whoever goes on from the journal they are intents that were never sent.

        Raises:
            Refused: a copy cannot be written.
        """
        records = self._numbered(drafts)
        if records != self._ahead:
            _log(records)
            self._ahead = []
            self._waiting += self._on_disk(records)
            self.flush()
            self._ahead = records

    def _numbered(self, drafts: Sequence[Record]) -> list[Record]:
        first = max(self.journal.records, default=0) + 1
        for draft in drafts:
            check_writable(draft.key)
        return [replace(draft, number=first + n) for n, draft in enumerate(drafts)]

    def intend_to_create(self, digests: Mapping[Key, str]) -> dict[Key, Record]:
        """As `intend_all`, for objects that are about to be made."""
        records = self.intend_all(
            [
                Record(
                    number=0, action=Action.CREATE, key=key, before=None, after=None, digest=digest
                )
                for key, digest in digests.items()
            ]
        )
        return {record.key: record for record in records}

    @property
    def owner_reference(self) -> Object:
        """
        What makes an object in the state namespace end with this journal.

        Raises:
            Refused: the cluster has no copy of it.
        """
        if self._cluster is None or not self._cluster.size:
            raise Refused("the run has no journal in the cluster")
        return self._cluster.owner_reference

    def restored(self, records: Sequence[Record]) -> None:
        """Note what is as before again; a journal that cannot be written stops no restore."""
        try:
            self.note(*(replace(record, state=State.RESTORED) for record in records))
        except NpolError:
            return

    def remove(self) -> None:
        """The run is over and the cluster as before: nothing is left to remember."""
        log.info("journal: removed")
        if self._cluster is not None:
            self._cluster.remove()
        if self._local is not None:
            self._local.remove()

    def close(self) -> None:
        if self._local is not None:
            self._local.close()

    def _taken(self, entries: Sequence[Entry]) -> list[str]:
        lines = self._on_disk(entries)
        for entry in entries:
            self.journal.take(entry)
        return lines

    def _on_disk(self, entries: Sequence[Entry]) -> list[str]:
        lines = [written(self._next + n, entry) for n, entry in enumerate(entries)]
        if self._local is not None:
            self._local.append(lines)
            log.debug("journal: %d entries written to the local file", len(lines))
        self._next += len(entries)
        return lines


def _log(intents: Sequence[Record]) -> None:
    for one in intents:
        log.info("journal: intent %d, %s %s", one.number, one.action.value, one.key)
