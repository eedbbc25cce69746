"""Where a run's flow records come from: the cluster's agents, a file, standard input, nowhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from npol.flow_records.agents import AgentRecords
from npol.flow_records.hubble import parsed
from npol.flow_records.line import RecordLine, UnreadableLine
from npol.flow_records.store import RecordStore, StreamCounts
from npol.flow_records.tail import STDIN, Tail
from npol.flow_records.whisker import WhiskerFlow, whisker_lines
from npol.flow_records.whisker_file import WhiskerFile, is_whisker_file
from npol.kube.connection import Connection
from npol.model.probe import PodRef

AUTO, OFF = "auto", "off"
VARIABLE = "NPOL_FLOW_RECORDS"
POLL = 0.02
"""Seconds between two looks at a file."""
OBSERVE = "hubble observe -o jsonpb"


class RecordWatch(Protocol):
    """What feeds a store while a story is told."""

    @property
    def store(self) -> RecordStore | None:
        """None where nothing that comes could be about one probe."""

    def follow(self, sources: Iterable[PodRef], nodes: Collection[str]) -> None:
        """These pods send now, and these nodes see it."""

    def summed(self) -> Sequence[WhiskerFlow]:
        """What was told of the run's time without ports and addresses: evidence, never proof."""

    def notes(self) -> list[str]:
        """Where the records come from, and what is the matter with them."""

    def close(self) -> None: ...


def watch(source: str, connection: Connection) -> RecordWatch | None:
    """
    The records of `auto`, a file's path or `-`; None for `off`, and where there are no agents.

    With the variable VARIABLE in the environment, `auto` is what that says.

    Raises:
        InputError: the file cannot be read.
    """
    if source == AUTO:
        source = os.environ.get(VARIABLE) or AUTO
    if source == OFF:
        return None
    if source != AUTO:
        return WhiskerFile(source) if is_whisker_file(source) else FileWatch(source)
    agents = AgentWatch(connection)
    return agents if agents.found else None


class AgentWatch:
    """The cluster's Cilium agents, by exec."""

    def __init__(self, connection: Connection) -> None:
        self.store = RecordStore()
        self._agents = AgentRecords(connection, self.store)

    @property
    def found(self) -> bool:
        return self._agents.found

    def follow(self, sources: Iterable[PodRef], nodes: Collection[str]) -> None:
        self._agents.follow(sources, nodes)

    def summed(self) -> Sequence[WhiskerFlow]:
        """Agents tell packets one by one."""
        return ()

    def notes(self) -> list[str]:
        failed = self._agents.failed
        found = [f"no flow records of node {node}: {why}" for node, why in sorted(failed.items())]
        return [*found, *_of_counts("flow records", self.store.counts)]

    def close(self) -> None:
        self._agents.close()


class FileWatch:
    """A file or standard input that somebody else writes."""

    def __init__(self, path: str) -> None:
        """
        Raises:
            InputError: it cannot be read.
        """
        self.store = RecordStore()
        self._path = "standard input" if path == STDIN else path
        self._tail = Tail(path)
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="npol-records", daemon=True).start()

    def follow(self, sources: Iterable[PodRef], nodes: Collection[str]) -> None:
        """Whoever writes it has chosen."""

    def summed(self) -> Sequence[WhiskerFlow]:
        return self.store.summed

    def notes(self) -> list[str]:
        ended = f"flow records: {self._path} has ended" if self._tail.ended else ""
        found = _of_counts(f"flow records: {self._path}", self.store.counts)
        return [*([ended] if ended else []), *found]

    def close(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set() and not self._tail.ended:
            came = False
            for line in self._tail.read(POLL):
                for told in _told(line):
                    self.store.add(told)
                came = True
            if not came:
                self._stopped.wait(POLL)
        self._tail.close()


def _told(line: bytes) -> Sequence[RecordLine]:
    """A record of Hubble, or what Whisker tells in one line."""
    record = parsed(line)
    if not isinstance(record, UnreadableLine):
        return (record,)
    return whisker_lines(line) or (record,)


def _of_counts(what: str, counts: StreamCounts) -> list[str]:
    """What a reader should know of a stream."""
    found = []
    if counts.unreadable:
        found.append(
            f"{what}: {counts.unreadable} of {counts.lines} lines are no flow records "
            f"of Hubble (the first: {counts.problem}); `{OBSERVE}` prints them"
        )
    if counts.lost:
        found.append(f"{what}: Hubble lost {counts.lost} records")
    return found
