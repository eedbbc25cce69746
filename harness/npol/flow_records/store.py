"""The records that came, by the probe that they may be about, and what is missing of them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from npol.flow_records.line import LostRecords, NodeStatus, RecordLine, UnreadableLine
from npol.flow_records.whisker import WhiskerFlow
from npol.model.flow_record import FlowRecord, ReceivedRecord
from npol.model.story import Protocol

KEPT = 200_000
"""First packets that are remembered; a flood pushes the oldest out, which counts as a loss."""

_Key = tuple[Protocol | None, str, int]
"""Without a protocol: a ping, by its identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounts:
    """What came so far."""

    lines: int = 0
    """All of them, whatever they say."""
    records: int = 0
    lost: int = 0
    """Records that the data plane says it could not tell."""
    unreadable: int = 0
    problem: str = ""
    """Of the first line that is no record."""


@dataclass(slots=True)
class RecordStore:
    """Filled by readers, asked by the judge's rounds. Thread-safe."""

    now: Callable[[], float] = time.monotonic
    _by_probe: dict[_Key, list[ReceivedRecord]] = field(default_factory=dict)
    _order: deque[_Key] = field(default_factory=deque)
    """The keys of what is remembered, oldest first."""
    _summed: dict[WhiskerFlow, None] = field(default_factory=dict)
    """Flows that are told without ports and addresses, in their order; each once."""
    _counts: Counter[str] = field(default_factory=Counter)
    _problem: str = ""
    _gaps: list[float] = field(default_factory=list)
    """When something was said to be missing."""
    _absent: set[str] = field(default_factory=set)
    """Nodes that a relay does not hear at present."""
    _listeners: list[Callable[[FlowRecord], None]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, line: RecordLine) -> None:
        """Remember what one line says."""
        with self._lock:
            self._add(line)
            listeners = tuple(self._listeners)
        if isinstance(line, FlowRecord):
            for listener in listeners:
                listener(line)

    def of_probe(
        self, protocol: Protocol | None, address: str, port: int, since: float
    ) -> tuple[ReceivedRecord, ...]:
        """First packets from a source's port that came since, in their order; each once."""
        with self._lock:
            found = self._by_probe.get((protocol, address, port), ())
            return tuple(r for r in found if r.at >= since)

    @property
    def summed(self) -> tuple[WhiskerFlow, ...]:
        """What was told without ports and addresses."""
        with self._lock:
            return tuple(self._summed)

    def complete_since(self, since: float) -> bool:
        """Whether nobody says that records are missing; rate limits drop some and say nothing."""
        with self._lock:
            return not self._absent and not any(at >= since for at in self._gaps)

    def note_gap(self) -> None:
        """A stream broke: what was told meanwhile may not come any more."""
        with self._lock:
            self._gaps.append(self.now())

    @property
    def counts(self) -> StreamCounts:
        with self._lock:
            return StreamCounts(
                lines=self._counts["lines"],
                records=self._counts["records"],
                lost=self._counts["lost"],
                unreadable=self._counts["unreadable"],
                problem=self._problem,
            )

    def listen(self, listener: Callable[[FlowRecord], None]) -> Callable[[], None]:
        """Have it called with each record, by the reader's thread; call the result to stop."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._stop(listener)

    def _stop(self, listener: Callable[[FlowRecord], None]) -> None:
        with self._lock:
            self._listeners.remove(listener)

    def _add(self, line: RecordLine) -> None:
        self._counts["lines"] += 1
        if isinstance(line, FlowRecord):
            self._counts["records"] += 1
            self._remember(line)
        elif isinstance(line, WhiskerFlow):
            self._counts["records"] += 1
            self._summed[line] = None
        elif isinstance(line, LostRecords):
            self._counts["lost"] += line.count
            self.note_gap()
        elif isinstance(line, NodeStatus):
            self._note_status(line)
        elif isinstance(line, UnreadableLine):
            self._counts["unreadable"] += 1
            self._problem = self._problem or line.problem

    def _remember(self, record: FlowRecord) -> None:
        if not record.source.port or not record.first:
            return
        key = record.protocol, record.source.address, record.source.port
        known = self._by_probe.setdefault(key, [])
        if any(r.record == record for r in known):
            return  # a stream that was opened again tells its last records twice
        known.append(ReceivedRecord(record, self.now()))
        self._order.append(key)
        if len(self._order) > KEPT:
            self._forget(self._order.popleft())

    def _forget(self, key: _Key) -> None:
        self._by_probe[key].pop(0)
        if not self._by_probe[key]:
            del self._by_probe[key]
        self.note_gap()

    def _note_status(self, status: NodeStatus) -> None:
        if status.connected:
            self._absent -= set(status.nodes)
        else:
            self._absent |= set(status.nodes)
        self.note_gap()
