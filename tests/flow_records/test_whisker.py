"""Calico's flows, in the form in which Whisker answers (written after its API's definition)."""

from __future__ import annotations

import json

import pytest

from npol.errors import InputError
from npol.flow_records.observed_files import read_observed
from npol.model.observed import EndKind


def item(**more) -> dict:
    """`client` asks `web`, told by the target's node."""
    return {
        "start_time": "2026-11-28T22:40:00Z",
        "end_time": "2026-11-28T22:40:15Z",
        "action": "Allow",
        "source_name": "client",
        "source_namespace": "shop",
        "source_labels": "app=client | projectcalico.org/namespace=shop",
        "dest_name": "web-6d8f9c7b5-*",
        "dest_namespace": "shop",
        "dest_labels": "app=web | pod-template-hash=6d8f9c7b5 | tier=front",
        "protocol": "tcp",
        "dest_port": 80,
        "reporter": "Dst",
        "policies": {"enforced": [], "pending": []},
        "packets_in": 4,
        "packets_out": 6,
        "bytes_in": 400,
        "bytes_out": 600,
        **more,
    }


def hit(kind, name, action, trigger=None):
    return {
        "kind": kind,
        "name": name,
        "namespace": "shop",
        "tier": "default",
        "action": action,
        "policy_index": 0,
        "rule_index": 0,
        "trigger": trigger,
    }


def answer(*items, pages=1) -> str:
    return json.dumps({"total": {"totalPages": pages}, "items": items})


def read(tmp_path, text):
    path = tmp_path / "flows.json"
    path.write_text(text)
    return read_observed([str(path)])


def test_a_flow_is_known_by_its_workload_and_labels(tmp_path):
    (flow,) = read(tmp_path, answer(item())).flows

    assert str(flow) == "shop/client -> shop/web:80/tcp"
    assert (flow.connections, flow.dropped, flow.arrived) == (1, 0, 1)
    assert flow.source.labels == (("app", "client"),)
    assert flow.target.labels == (("app", "web"), ("tier", "front"))
    assert flow.last_seen == 1795905615


def test_both_ends_tell_of_one_flow(tmp_path):
    (flow,) = read(tmp_path, answer(item(), item(reporter="Src"))).flows

    assert (flow.connections, flow.dropped, flow.arrived) == (1, 0, 1)


def test_what_left_and_was_denied_at_its_target_did_not_arrive(tmp_path):
    (flow,) = read(tmp_path, answer(item(reporter="Src"), item(action="Deny"))).flows

    assert (flow.connections, flow.dropped, flow.arrived) == (1, 1, 0)


def test_a_default_deny_names_the_policy_that_brought_it_about(tmp_path):
    trigger = hit("NetworkPolicy", "deny-all", "ActionUnspecified")
    denied = item(
        action="Deny", policies={"enforced": [hit("EndOfTier", "", "Deny", trigger)], "pending": []}
    )

    (flow,) = read(tmp_path, answer(denied)).flows

    assert [str(p) for p in flow.policies] == ["NetworkPolicy shop/deny-all"]


def test_a_profile_is_no_policy(tmp_path):
    allowed = item(policies={"enforced": [hit("Profile", "kns.shop", "Allow")], "pending": None})

    (flow,) = read(tmp_path, answer(allowed)).flows

    assert flow.policies == ()


@pytest.mark.parametrize(
    ("name", "namespace", "kind", "told"),
    [
        ("PUBLIC NETWORK", "", EndKind.OUTSIDE, "a public network"),
        ("pub", "-", EndKind.OUTSIDE, "a public network"),
        ("PRIVATE NETWORK", "", EndKind.UNKNOWN, "a private network"),
        ("node1", "", EndKind.UNKNOWN, "node1"),
    ],
)
def test_what_has_no_namespace_is_no_pod(tmp_path, name, namespace, kind, told):
    """Addresses are not kept: a private network may be the pod's own node."""
    outside = item(dest_name=name, dest_namespace=namespace, dest_labels="", reporter="Src")

    (flow,) = read(tmp_path, answer(outside)).flows

    assert (flow.target.kind, str(flow.target), flow.target.address) == (kind, told, "")


def test_pages_one_after_the_other_are_read_as_one(tmp_path):
    pages = answer(item(), pages=2) + "\n" + answer(item(dest_port=443), pages=2)

    assert [f.port for f in read(tmp_path, pages).flows] == [80, 443]


def test_an_answer_may_be_written_over_many_lines(tmp_path):
    spread = json.dumps(json.loads(answer(item(), item(dest_port=443))), indent=2)

    assert [f.port for f in read(tmp_path, spread).flows] == [80, 443]


def test_items_may_be_one_a_line(tmp_path):
    """As `jq -c '.items[]'` makes them."""
    traffic = read(tmp_path, json.dumps(item()) + "\n" + json.dumps(item(dest_port=443)) + "\n")

    assert [f.port for f in traffic.flows] == [80, 443]
    assert traffic.plugin == "calico"


def test_an_answer_that_is_cut_off_is_read_to_its_last_whole_flow(tmp_path):
    whole = answer(item(), item(dest_port=443))

    traffic = read(tmp_path, whole[: whole.rindex("dest_port") + 4])

    assert [f.port for f in traffic.flows] == [80]
    assert [u.problem for u in traffic.cut_off] == ["cut off: it has no end"]


def test_an_item_that_is_none_is_told_by_its_line(tmp_path):
    spread = json.dumps({"total": {}, "items": [item(), {"source_name": "x"}]}, indent=2)

    traffic = read(tmp_path, spread)

    (unread,) = traffic.unread
    line = spread.splitlines()[unread.line - 1 :]
    assert (line[0].strip(), line[1].strip()) == ("{", '"source_name": "x"')
    assert (unread.problem, len(traffic.flows)) == ("no flow of Whisker (KeyError)", 1)


def test_text_after_an_answer_is_told_by_its_line(tmp_path):
    traffic = read(tmp_path, answer(item()) + "\nHTTP/1.1 502 Bad Gateway\n")

    assert [str(u) for u in traffic.unread] == [f"{tmp_path}/flows.json:2: not JSON"]


def test_an_answer_without_flows_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no flow records"):
        read(tmp_path, answer())
