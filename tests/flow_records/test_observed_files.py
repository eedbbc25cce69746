"""Traffic that was seen, out of files of records: Hubble's lines, recorded and written."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from npol.errors import InputError
from npol.flow_records.observed_files import read_observed
from npol.model.observed import EndKind, LeftOut
from tests.flow_records.hubble_lines import DENIED, line, place, pod

SAMPLES = Path(__file__).parent / "samples"
CLIENT, WEB = pod("client", "10.0.0.1"), pod("web", "10.0.0.2")
OPEN = line(CLIENT, WEB, 80)


def read(tmp_path, *lines, name="flows.jsonl"):
    path = tmp_path / name
    path.write_text("".join(lines))
    return read_observed([str(path)])


def flows(traffic):
    return {str(f): (f.connections, f.dropped, f.arrived) for f in traffic.flows}


def test_recorded_lines_are_summed_up_by_their_ends():
    """Each connection once, however many places tell of it; ICMP has no port."""
    traffic = read_observed([str(SAMPLES / "observe.jsonl")])

    assert flows(traffic) == {
        "shop/client -> shop/web:80/tcp": (2, 0, 2),
        "shop/near -> shop/web:80/tcp": (1, 1, 0),
        "shop/other -> shop/web (no port: ICMP or the like)": (1, 1, 0),
        "shop/other -> shop/web:80/tcp": (1, 1, 0),
        "shop/other -> shop/web:80/udp": (1, 1, 0),
    }
    assert traffic.plugin == "cilium"


def test_a_connection_counts_once_however_often_it_is_told(tmp_path):
    again = line(CLIENT, WEB, 80, event_type={"type": 4}, trace_observation_point="TO_ENDPOINT")

    traffic = read(tmp_path, OPEN, OPEN, again, line(CLIENT, WEB, 80, sport=40001))

    assert flows(traffic) == {"shop/client -> shop/web:80/tcp": (2, 0, 2)}


def test_a_connection_that_left_and_was_dropped_at_its_target_did_not_arrive(tmp_path):
    left = line(CLIENT, WEB, 80, traffic_direction="EGRESS")

    traffic = read(tmp_path, left, line(CLIENT, WEB, 80, **DENIED))

    assert flows(traffic) == {"shop/client -> shop/web:80/tcp": (1, 1, 0)}


def test_a_source_port_that_was_let_in_once_and_dropped_once_counts_as_dropped(tmp_path):
    traffic = read(tmp_path, OPEN, line(CLIENT, WEB, 80, **DENIED))

    assert flows(traffic) == {"shop/client -> shop/web:80/tcp": (1, 1, 0)}


def test_pods_of_one_workload_are_one_end(tmp_path):
    pods = [pod(f"web-{n}", f"10.0.0.{n}", workload="web", app="web") for n in (2, 3)]

    traffic = read(tmp_path, *(line(CLIENT, p, 80, sport=40000 + n) for n, p in enumerate(pods)))

    assert flows(traffic) == {"shop/client -> shop/web:80/tcp": (2, 0, 2)}


def test_pods_without_a_workload_are_one_end_if_their_labels_are(tmp_path):
    pods = [pod(f"web-{n}", f"10.0.0.{n}", app="web") for n in (2, 3)]

    traffic = read(tmp_path, *(line(CLIENT, p, 80, sport=40000 + n) for n, p in enumerate(pods)))

    assert flows(traffic) == {"shop/client -> shop/web-2:80/tcp": (2, 0, 2)}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param(line(WEB, CLIENT, 40000, sport=80, is_reply=True), LeftOut.REPLY, id="reply"),
        pytest.param(
            line(place("host", "10.98.0.12"), WEB, 8080), LeftOut.OWN_NODE, id="kubelet's-probe"
        ),
        pytest.param(
            line(WEB, CLIENT, 40000, sport=53, protocol="UDP", is_reply=None),
            LeftOut.EPHEMERAL,
            id="late-answer-over-udp",
        ),
        pytest.param(
            line(CLIENT, WEB, 80, Type="L7", event_type={"type": 129}), LeftOut.BY_PROXY, id="l7"
        ),
        pytest.param(line(place("health", "10.0.0.9"), WEB, 4240), LeftOut.PLUGIN, id="health"),
        pytest.param(
            line(CLIENT, WEB, 80, verdict="DROPPED", drop_reason_desc="STALE_OR_UNROUTABLE_IP"),
            LeftOut.NOT_BY_POLICY,
            id="another-drop",
        ),
        pytest.param(
            line(CLIENT, WEB, 80, event_type={"type": 4}, is_reply=None), LeftOut.OTHER, id="on-way"
        ),
        pytest.param(
            line(place("unknown", "fe80::1"), place("unknown", "ff02::2"), 0, protocol="ICMPv6"),
            LeftOut.OTHER,
            id="neighbour-discovery",
        ),
    ],
)
def test_what_nobody_opened_is_left_out_and_counted(tmp_path, told, why):
    traffic = read(tmp_path, told)

    assert (traffic.flows, traffic.left_out) == ((), {why: 1})


def test_a_new_connection_to_a_high_port_is_a_flow(tmp_path):
    assert flows(read(tmp_path, line(CLIENT, WEB, 40001, sport=900)))


def test_ends_that_are_no_pods_are_told_apart(tmp_path):
    ends = [place("world", "203.0.113.9"), place("remote-node", "10.98.0.12"), place("x", "10.9.9")]

    traffic = read(tmp_path, *(line(end, WEB, 80) for end in ends))

    kinds = {f.source.address: f.source.kind for f in traffic.flows}
    assert list(kinds.values()) == [EndKind.UNKNOWN, EndKind.OUTSIDE, EndKind.NODE]


def test_a_file_that_is_still_written_is_read_to_its_last_whole_line(tmp_path):
    traffic = read(tmp_path, OPEN, OPEN[:300])

    assert [str(u) for u in traffic.cut_off] == [
        f"{tmp_path}/flows.jsonl:2: cut off: it has no end"
    ]
    assert (len(traffic.flows), traffic.unread_lines) == (1, 0)


def test_foreign_lines_in_a_file_are_told_by_their_place(tmp_path):
    traffic = read(tmp_path, OPEN, "level=info msg=started\n", '{"a": 1}\n', OPEN)

    assert [str(u) for u in traffic.unread] == [
        f"{tmp_path}/flows.jsonl:2: not JSON",
        f"{tmp_path}/flows.jsonl:3: no record of Hubble",
    ]
    assert len(traffic.flows) == 1


def test_of_many_foreign_lines_the_first_are_told_and_all_are_counted(tmp_path):
    traffic = read(tmp_path, OPEN, *["password=hunter2\n"] * 50)

    assert (len(traffic.unread), traffic.unread_lines) == (5, 50)
    assert "hunter2" not in str(traffic.unread)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("apiVersion: v1\nkind: Pod\n", "flows.jsonl:1: not JSON", id="yaml"),
        pytest.param('{"kind": "List"}\n', "flows.jsonl:1: no record of Hubble", id="json"),
        pytest.param(OPEN[:200], "flows.jsonl:1: cut off: it has no end", id="cut-off"),
        pytest.param("", "it is empty", id="empty"),
    ],
)
def test_a_file_without_any_record_is_refused_with_the_place(tmp_path, content, told):
    with pytest.raises(InputError, match="holds no flow records") as refused:
        read(tmp_path, content)

    assert told in refused.value.message


def test_a_directory_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        read_observed([str(tmp_path)])
    with pytest.raises(InputError, match="No such file"):
        read_observed([str(tmp_path / "none.jsonl")])


@pytest.mark.parametrize(
    "older",
    [
        pytest.param("events.log.1", id="logrotate"),
        pytest.param("events-2026-11-28T22-39-49.559.log", id="exporter"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_was_rotated_is_read_with_its_file(tmp_path, older, packed):
    told = line(CLIENT, WEB, 443).encode()
    (tmp_path / f"{older}{'.gz' if packed else ''}").write_bytes(
        gzip.compress(told) if packed else told
    )
    (tmp_path / "events-of-others.log").write_text("not a part of it")

    traffic = read(tmp_path, OPEN, name="events.log")

    assert [f.port for f in traffic.flows] == [80, 443]
    assert len(traffic.files) == 2


def test_a_packed_file_that_is_cut_off_is_refused(tmp_path):
    (tmp_path / "flows.gz").write_bytes(gzip.compress(OPEN.encode() * 50)[:-20])

    with pytest.raises(InputError, match=r"flows\.gz: its compression is cut off or broken"):
        read_observed([str(tmp_path / "flows.gz")])


def test_standard_input_is_read_to_its_end(monkeypatch):
    def opened(path, mode, *, closefd):
        assert (path, closefd) == (0, False)
        return io.BufferedReader(io.BytesIO(OPEN.encode()))

    monkeypatch.setattr("builtins.open", opened)

    assert len(read_observed(["-"]).flows) == 1


def test_records_that_were_lost_are_counted():
    traffic = read_observed([str(SAMPLES / "told.jsonl")])

    assert traffic.lost == 319


@pytest.mark.parametrize("file", ["told.jsonl", "l7.jsonl"])
def test_nothing_that_a_proxy_saw_is_kept(file):
    """`l7.jsonl`: a look-up through Cilium's DNS proxy, as it was recorded."""
    traffic = read_observed([str(SAMPLES / file)])

    assert traffic.left_out[LeftOut.BY_PROXY] == 2
    assert "secret" not in repr(traffic)


def test_a_look_up_through_a_proxy_is_a_flow_that_was_not_seen_to_arrive():
    (flow,) = read_observed([str(SAMPLES / "l7.jsonl")]).flows

    assert (flow.source.name, flow.port, flow.connections) == ("client", 53, 1)
    assert (flow.arrived, flow.dropped) == (0, 0)
    assert [str(p) for p in flow.policies] == ["CiliumNetworkPolicy shop/dns"]
