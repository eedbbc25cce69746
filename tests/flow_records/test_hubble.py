"""
Lines of Hubble, recorded on a cluster with Cilium 1.20 (`observe.jsonl`, `export.jsonl`,
`l7.jsonl`) or written after its API's definition (`told.jsonl`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npol.flow_records.hubble import parsed
from npol.flow_records.line import LostRecords, NodeStatus, OtherEvent, UnreadableLine
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    RecordDirection,
    RecordedEnd,
    RecordedPolicy,
    RecordVerdict,
)
from npol.model.story import Protocol

SAMPLES = Path(__file__).parent / "samples"


def lines(name: str) -> list[str]:
    return (SAMPLES / name).read_text().splitlines()


def told(name: str, port: int) -> FlowRecord:
    """The record of a source port."""
    records = (r for r in map(parsed, lines(name)) if isinstance(r, FlowRecord))
    return next(r for r in records if r.source.port == port)


def test_an_allowed_packet_names_its_policy_and_both_ends():
    assert told("observe.jsonl", 20011) == FlowRecord(
        time=1795905606.193302456,
        verdict=RecordVerdict.FORWARDED,
        point=ObservationPoint.POLICY_VERDICT,
        source=RecordedEnd(
            address="10.244.0.47",
            port=20011,
            namespace="shop",
            pod="client",
            labels={"app": "client"},
            namespace_labels={"kubernetes.io/metadata.name": "shop"},
        ),
        target=RecordedEnd(
            address="10.244.1.142",
            port=80,
            namespace="shop",
            pod="web",
            labels={"app": "web"},
            namespace_labels={"kubernetes.io/metadata.name": "shop"},
        ),
        protocol=Protocol.TCP,
        direction=RecordDirection.INGRESS,
        node="node2",
        first=True,
        reply=False,
        policies=(RecordedPolicy(kind="NetworkPolicy", namespace="shop", name="web-in"),),
    )


def test_a_packet_through_a_service_is_told_with_the_endpoint_that_got_it():
    record = told("observe.jsonl", 20012)

    assert record.point is ObservationPoint.TO_ENDPOINT
    assert (record.target.address, record.target.port) == ("10.244.1.142", 80)


@pytest.mark.parametrize(
    ("file", "port", "protocol", "direction", "node"),
    [
        pytest.param("observe.jsonl", 20021, Protocol.TCP, "ingress", "node2", id="at-the-target"),
        pytest.param("observe.jsonl", 20013, Protocol.TCP, "egress", "node1", id="at-the-source"),
        pytest.param("observe.jsonl", 20023, Protocol.UDP, "ingress", "node2", id="udp"),
        pytest.param("export.jsonl", 20022, Protocol.TCP, "ingress", "node2", id="exported"),
    ],
)
def test_a_denied_packet_is_dropped_by_policy(file, port, protocol, direction, node):
    record = told(file, port)

    assert record.verdict is RecordVerdict.DROPPED_BY_POLICY
    assert (record.reason, record.first) == ("POLICY_DENIED", True)
    assert (record.protocol, record.direction.value, record.node) == (protocol, direction, node)


def test_only_a_syn_without_ack_may_open_a_connection():
    answer = told("export.jsonl", 80)

    assert not answer.first


def test_icmp_has_no_ports():
    ping = told("observe.jsonl", 0)

    assert (ping.protocol, ping.verdict) == (None, RecordVerdict.DROPPED_BY_POLICY)


def test_a_drop_that_is_no_policys_is_told_apart():
    record = told("told.jsonl", 20033)

    assert record.verdict is RecordVerdict.DROPPED_OTHERWISE
    assert record.reason == "STALE_OR_UNROUTABLE_IP"


def test_audit_mode_names_who_would_have_denied():
    record = told("told.jsonl", 20031)

    assert record.verdict is RecordVerdict.AUDITED
    assert [str(p) for p in record.policies] == ["ClusterNetworkPolicy baseline"]
    assert (record.node, record.target.workload) == ("node2", "statefulset/db")


def test_a_redirection_to_a_proxy_is_neither_allow_nor_drop():
    assert told("told.jsonl", 20032).verdict is RecordVerdict.REDIRECTED


def test_the_flat_form_of_old_versions_is_read():
    record = told("told.jsonl", 20034)

    assert (record.verdict, record.node) == (RecordVerdict.DROPPED_BY_POLICY, "node1")
    assert record.source.entities | record.target.entities == {"host", "world"}


def test_losses_and_the_states_of_nodes_are_told():
    found = [r for r in map(parsed, lines("told.jsonl")) if isinstance(r, LostRecords | NodeStatus)]

    assert found == [
        LostRecords(source="HUBBLE_RING_BUFFER", count=312, node="node1"),
        LostRecords(source="PERF_EVENT_RING_BUFFER", count=7, node="node2"),
        NodeStatus(state="NODE_CONNECTED", nodes=("node1", "node2")),
        NodeStatus(state="NODE_UNAVAILABLE", nodes=("node3",)),
    ]
    assert [s.connected for s in found if isinstance(s, NodeStatus)] == [True, False]


def test_the_agents_own_events_are_no_records():
    assert parsed(lines("export.jsonl")[0]) == OtherEvent(kind="agent_event")


@pytest.mark.parametrize("file", ["told.jsonl", "l7.jsonl"])
def test_nothing_of_what_was_carried_is_kept(file):
    """Requests, names that were looked up, headers: a proxy's records have them all."""
    l7 = [r for r in map(parsed, lines(file)) if "L7" in str(r)]

    assert len(l7) == 2
    assert "secret" in "".join(lines(file))
    assert "secret" not in repr([parsed(line) for line in lines(file)])


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="empty"),
        pytest.param("Nov 28 22:40:06: shop/client:20011 -> shop/web:80", id="compact-form"),
        pytest.param(lines("observe.jsonl")[0][:700], id="truncated"),
        pytest.param("[1, 2]", id="no-object"),
        pytest.param('{"start_time": "2026-11-28T22:40:06Z", "action": "Deny"}', id="another-tool"),
        pytest.param('{"flow": {"time": "yesterday", "IP": {"source": "a"}}}', id="no-time"),
        pytest.param('{"flow": {"time": "2026-11-28T22:40:06Z", "IP": {}}}' * 2, id="two-in-one"),
        pytest.param('{"flow": null}', id="null"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe{}", id="not-utf-8"),
    ],
)
def test_a_foreign_line_is_unreadable_and_never_a_record(line):
    assert isinstance(parsed(line), UnreadableLine)


def test_a_line_cut_anywhere_is_no_record():
    line = lines("observe.jsonl")[2]

    kinds = {type(parsed(line[:end])) for end in range(len(line))}

    assert kinds == {UnreadableLine}


def test_fields_of_any_type_break_nothing():
    """Every field of a line in turn is replaced by what it cannot be."""
    whole = json.loads(lines("observe.jsonl")[0])

    for key in whole["flow"]:
        for odd in (None, 7, "x", [], {}, [None], {"a": None}):
            parsed(json.dumps({**whole, "flow": {**whole["flow"], key: odd}}))
