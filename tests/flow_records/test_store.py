"""What is remembered of a stream of records."""

from __future__ import annotations

import itertools

import pytest

from npol.flow_records import store as module
from npol.flow_records.line import LostRecords, NodeStatus, OtherEvent, UnreadableLine
from npol.flow_records.store import RecordStore, StreamCounts
from npol.model.flow_record import FlowRecord, ObservationPoint, RecordedEnd, RecordVerdict
from npol.model.story import Protocol


def record(port: int, *, first: bool = True, protocol=Protocol.TCP, node="n1") -> FlowRecord:
    return FlowRecord(
        time=1.0,
        verdict=RecordVerdict.DROPPED_BY_POLICY,
        point=ObservationPoint.DROP,
        source=RecordedEnd(address="10.0.0.1", port=port),
        target=RecordedEnd(address="10.0.0.2", port=80),
        protocol=protocol,
        node=node,
        first=first,
    )


@pytest.fixture
def store():
    """Each look at its clock is a second later: 0, 1, 2, ..."""
    clock = itertools.count()
    return RecordStore(now=lambda: float(next(clock)))


def ports(store: RecordStore, port: int, since: float = 0.0) -> list[float]:
    return [r.at for r in store.of_probe(Protocol.TCP, "10.0.0.1", port, since)]


def test_a_record_is_found_by_what_the_probe_left_from(store):
    store.add(record(20001))

    assert ports(store, 20001) == [0.0]
    assert ports(store, 20002) == []
    assert store.of_probe(Protocol.UDP, "10.0.0.1", 20001, 0.0) == ()
    assert store.of_probe(Protocol.TCP, "10.0.0.9", 20001, 0.0) == ()


def test_what_came_before_a_probe_began_is_not_about_it(store):
    store.add(record(20001))
    store.add(record(20001, node="n2"))

    assert ports(store, 20001, since=0.5) == [1.0]


def test_a_record_that_comes_twice_is_one(store):
    store.add(record(20001))
    store.add(record(20001))

    assert ports(store, 20001) == [0.0]


def test_only_first_packets_with_ports_are_kept(store):
    store.add(record(20001, first=False))
    store.add(record(20001, protocol=None))

    assert ports(store, 20001) == []
    assert store.counts.records == 2


def test_what_came_is_counted_with_the_first_problem(store):
    for line in (
        record(20001),
        OtherEvent(kind="agent_event"),
        LostRecords(source="HUBBLE_RING_BUFFER", count=312),
        UnreadableLine(problem="not JSON"),
        UnreadableLine(problem="no object"),
    ):
        store.add(line)

    assert store.counts == StreamCounts(
        lines=5, records=1, lost=312, unreadable=2, problem="not JSON"
    )


def test_a_loss_makes_what_began_before_it_incomplete(store):
    store.add(LostRecords(source="HUBBLE_RING_BUFFER", count=1))

    assert not store.complete_since(0.0)
    assert store.complete_since(0.5)


def test_a_node_that_a_relay_does_not_hear_is_missing_until_it_is_back(store):
    store.add(NodeStatus(state="NODE_UNAVAILABLE", nodes=("n1",)))
    assert not store.complete_since(100.0)

    store.add(NodeStatus(state="NODE_CONNECTED", nodes=("n1",)))
    assert store.complete_since(100.0)


def test_a_flood_pushes_the_oldest_out_and_says_so(store, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)

    for port in (20001, 20002, 20003):
        store.add(record(port))

    assert [bool(ports(store, p)) for p in (20001, 20002, 20003)] == [False, True, True]
    assert not store.complete_since(0.0)


def test_a_listener_is_called_after_each_record_until_it_stops(store):
    calls = []
    stop = store.listen(lambda told: calls.append((told.source.port, len(ports(store, 20001)))))

    store.add(record(20001))
    store.add(OtherEvent(kind="agent_event"))
    stop()
    store.add(record(20002))

    assert calls == [(20001, 1)]
