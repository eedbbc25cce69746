"""What the data plane's records say of a round's probes, after it and while it is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol as Interface

from npol.judge.known_ends import KnownEnds
from npol.judge.packet_fate import ProbeWay, packet_fate
from npol.model.flow_record import FlowRecord, ReceivedRecord, RecordVerdict
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer, PodRef, Probe, ProbeKind, Role
from npol.model.story import Protocol
from npol.run.prepared_flow import PreparedFlow
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecords:
    """The records of one step's probes; `known` are the ends as the API knows them in it."""

    records: Records
    known: KnownEnds

    def fate(
        self,
        flow: PreparedFlow,
        probe: Probe,
        port: int | None,
        since: float,
        answer: Answer | None = None,
        *,
        watched: bool = False,
    ) -> PacketFate:
        """
        What became of a flow's probe that was asked since, from a port that npol chose or not.

        `answer`: None while it is under way; `watched`: see `ProbeWay.watched`.
        """
        if port is None:
            return PacketFate(fate=Fate.UNMARKED)
        way = ProbeWay(endpoints=_endpoints(flow, probe), known=self.known, watched=watched)
        own = _address(flow.source.source, probe)
        told = self.records.of_probe(_protocol(probe), own, port, since)
        return packet_fate(told, way, answer)

    def watched(
        self, flow: PreparedFlow, probe: Probe, heard: Collection[str], since: float
    ) -> bool:
        """
        Whether a packet of this probe that vanishes would be missed. `heard`: nodes that have
        told something of the round.
        """
        own = _address(flow.source.source, probe)
        source, target = self.known.get(own), self.known.get(probe.address)
        if probe.role is not Role.POD or not source or not target:
            return False
        rewritten = source.host_network or target.host_network
        both = source.node in heard and target.node in heard
        return both and not rewritten and self.records.complete_since(since)

    @contextmanager
    def ending(self, flows: Iterable[PreparedFlow], since: float) -> Iterator[None]:
        """Meanwhile what is shown to be dropped is asked no longer."""
        asked, sources = dict[str, PreparedFlow](), dict[str, ProbeSource]()
        for one in flows:
            for probe in one.probes:
                asked[answer_key(one.source, probe.key)] = one
                sources[_address(one.source.source, probe)] = one.source

        def hear(record: FlowRecord) -> None:
            source, port = sources.get(record.source.address), record.source.port
            if source is None or record.verdict is not RecordVerdict.DROPPED_BY_POLICY:
                return
            under_way = source.asked_from(port)
            flow = asked.get(answer_key(source, under_way.key)) if under_way else None
            if under_way and flow and self.fate(flow, under_way, port, since).proves_deny:
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


def _address(source: PodRef, probe: Probe) -> str:
    return source.ip_towards(probe.address) if probe.address else source.ip


def _protocol(probe: Probe) -> Protocol | None:
    """A look-up goes over UDP first, whatever its flow says; a ping has none."""
    if probe.kind is ProbeKind.PING:
        return None
    return Protocol.UDP if probe.role is Role.NAME else probe.protocol


def _endpoints(flow: PreparedFlow, probe: Probe) -> frozenset[tuple[str, int]] | None:
    """Of a name: whatever serves names; a Service's packets go to any of its endpoints."""
    if probe.role is Role.NAME or (probe.kind is ProbeKind.DNS and not probe.address):
        return None
    own = (probe.address, probe.port)
    if probe.role is not Role.SERVICE or flow.target is None:
        return frozenset({own})
    return frozenset({own, *((b.ip, b.port) for b in flow.target.backends)})
