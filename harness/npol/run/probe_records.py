"""What the data plane's records say of a round's probes, after it and while it is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol as Interface

from npol.judge.known_ends import KnownEnds
from npol.judge.packet_fate import ProbeWay, packet_fate
from npol.model.flow_record import FlowRecord, ReceivedRecord, RecordVerdict
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer, PodRef, Probe, ProbeKind, Role
from npol.model.story import Protocol
from npol.model.target import Target
from npol.run.probe_batches import ProbeSource, answer_key

LATE = 0.3
"""Seconds in which the record of a packet that was answered at once may still come."""


class Records(Interface):
    """What was told so far (`npol.flow_records.store.RecordStore`)."""

    def of_probe(
        self, protocol: Protocol | None, address: str, port: int, since: float
    ) -> tuple[ReceivedRecord, ...]: ...

    def complete_since(self, since: float) -> bool: ...

    def listen(self, listener: Callable[[FlowRecord], None]) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True)
class AskedProbe:
    """A probe, who asks it, and where its flow leads."""

    source: ProbeSource
    probe: Probe
    target: Target | None

    @property
    def key(self) -> str:
        return answer_key(self.source, self.probe.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecords:
    """The records of one step's probes; `known` are the ends as the API knows them in it."""

    records: Records
    known: KnownEnds

    def fate(
        self, asked: AskedProbe, answer: Answer, since: float, *, watched: bool = False
    ) -> PacketFate:
        """
        What became of a probe that was asked since.

        `watched`: see `ProbeWay.watched`.
        """
        if answer.source_port is None:
            return PacketFate(fate=Fate.UNMARKED)
        return self._fate(asked, answer.source_port, since, answer, watched)

    def watched(self, asked: AskedProbe, heard: Collection[str], since: float) -> bool:
        """
        Whether a packet of this probe that vanishes would be missed. `heard`: nodes that have
        told something of the round.
        """
        source, target = (self.known.get(a) for a in (_address(asked), asked.probe.address))
        if asked.probe.role is not Role.POD or not source or not target:
            return False
        rewritten = source.host_network or target.host_network
        both = source.node in heard and target.node in heard
        return both and not rewritten and self.records.complete_since(since)

    @contextmanager
    def ending(self, probes: Mapping[str, AskedProbe], since: float) -> Iterator[None]:
        """Meanwhile what is shown to be dropped is asked no longer. `probes`: by their keys."""
        sources = {_address(asked): asked.source for asked in probes.values()}

        def hear(record: FlowRecord) -> None:
            source, port = sources.get(record.source.address), record.source.port
            if source is None or record.verdict is not RecordVerdict.DROPPED_BY_POLICY:
                return
            probe = source.asked_from(port)
            asked = probes.get(answer_key(source, probe.key)) if probe else None
            if asked and self._fate(asked, port, since).proves_deny:
                source.end([port])

        stop = self.records.listen(hear)
        try:
            yield
        finally:
            stop()

    def wait(self, done: Callable[[], bool], seconds: float = LATE) -> None:
        """Until `done`, which every record may bring about."""
        came = threading.Condition()

        def hear(_: FlowRecord) -> None:
            with came:
                came.notify()

        stop = self.records.listen(hear)
        with came:
            came.wait_for(done, seconds)
        stop()

    def _fate(
        self,
        asked: AskedProbe,
        port: int,
        since: float,
        answer: Answer | None = None,
        watched: bool = False,
    ) -> PacketFate:
        way = ProbeWay(endpoints=_endpoints(asked), known=self.known, watched=watched)
        told = self.records.of_probe(_protocol(asked.probe), _address(asked), port, since)
        return packet_fate(told, way, answer)


def _address(asked: AskedProbe) -> str:
    source: PodRef = asked.source.source
    return source.ip_towards(asked.probe.address) if asked.probe.address else source.ip


def _protocol(probe: Probe) -> Protocol | None:
    """A look-up goes over UDP first, whatever its flow says; a ping has none."""
    if probe.kind is ProbeKind.PING:
        return None
    return Protocol.UDP if probe.role is Role.NAME else probe.protocol


def _endpoints(asked: AskedProbe) -> frozenset[tuple[str, int]] | None:
    """Of a name: whatever serves names; a Service's packets go to any of its endpoints."""
    probe, target = asked.probe, asked.target
    if probe.role is Role.NAME or (probe.kind is ProbeKind.DNS and not probe.address):
        return None
    own = (probe.address, probe.port)
    if probe.role is not Role.SERVICE or target is None:
        return frozenset({own})
    return frozenset({own, *((b.ip, b.port) for b in target.backends)})
