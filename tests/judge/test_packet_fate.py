"""One word out of all that was told of a probe's first packets."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from npol.judge.known_ends import KnownEnd, in_force, known_ends
from npol.judge.packet_fate import ProbeWay, packet_fate
from npol.model.expectation import Outcome
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    ReceivedRecord,
    RecordDirection,
    RecordedEnd,
    RecordedPolicy,
    RecordVerdict,
)
from npol.model.inventory import Inventory
from npol.model.packet_fate import Fate
from npol.model.probe import Answer
from npol.model.story import Protocol

DENY = RecordedPolicy(kind="NetworkPolicy", namespace="shop", name="deny")
OUT = RecordedPolicy(kind="NetworkPolicy", namespace="shop", name="out")
IN = RecordedPolicy(kind="ClusterNetworkPolicy", namespace="", name="in")
DROP = FlowRecord(
    time=10.0,
    verdict=RecordVerdict.DROPPED_BY_POLICY,
    point=ObservationPoint.POLICY_VERDICT,
    direction=RecordDirection.INGRESS,
    source=RecordedEnd(address="10.1.0.1", port=20001, labels={"app": "client"}),
    target=RecordedEnd(address="10.1.1.1", port=80, labels={"app": "web"}),
    protocol=Protocol.TCP,
    node="n2",
    first=True,
    reason="POLICY_DENIED",
)
PASS = replace(DROP, verdict=RecordVerdict.FORWARDED, reason="")
LEFT = replace(PASS, direction=RecordDirection.EGRESS, node="n1", policies=(OUT,))
KNOWN = {
    "10.1.0.1": KnownEnd(node="n1", labels={"app": "client"}),
    "10.1.1.1": KnownEnd(node="n2", labels={"app": "web"}),
}
WAY = ProbeWay(endpoints={("10.1.1.1", 80)}, known=KNOWN)
SILENT = Answer(key="a", outcome=Outcome.TIMEOUT, seconds=2.0)
QUICK = Answer(key="a", outcome=Outcome.OPEN, seconds=0.01)
SLOW = Answer(key="a", outcome=Outcome.OPEN, seconds=1.02)


def fate(*records, way=WAY, answer=SILENT):
    return packet_fate([ReceivedRecord(r, 0.0) for r in records], way, answer)


@pytest.mark.parametrize(
    ("records", "answer", "expected"),
    [
        pytest.param([DROP], SILENT, Fate.DROPPED_BY_POLICY, id="dropped"),
        pytest.param([DROP], None, Fate.DROPPED_BY_POLICY, id="dropped-while-under-way"),
        pytest.param([LEFT, DROP], SILENT, Fate.DROPPED_BY_POLICY, id="left-and-dropped"),
        pytest.param([PASS, DROP], SILENT, Fate.CHANGING, id="retransmitted-through-a-change"),
        pytest.param([DROP], SLOW, Fate.CHANGING, id="the-second-packet-was-answered"),
        pytest.param([DROP], QUICK, Fate.CONTRADICTION, id="the-first-packet-was-answered"),
        pytest.param([LEFT], SILENT, Fate.UNTOLD, id="left-only"),
        pytest.param([LEFT, PASS], SILENT, Fate.ARRIVED, id="arrived"),
        pytest.param([], SILENT, Fate.UNTOLD, id="nothing"),
        pytest.param([DROP, replace(DROP, time=11.0)], SILENT, Fate.DROPPED_BY_POLICY, id="twice"),
    ],
)
def test_a_fate_is_the_same_in_whatever_order_records_come(records, answer, expected):
    found = {fate(*order, answer=answer).fate for order in permutations(records)}

    assert found == {expected}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(DROP, first=False), id="no-first-packet"),
        pytest.param(
            replace(DROP, target=replace(DROP.target, address="10.1.1.9")), id="another-target"
        ),
        pytest.param(replace(DROP, target=replace(DROP.target, port=81)), id="another-port"),
    ],
)
def test_a_record_of_another_packet_is_not_about_the_probe(other):
    assert fate(other).fate is Fate.UNTOLD


@pytest.mark.parametrize("end", ["source", "target"])
def test_old_labels_of_either_end_prove_nothing(end):
    old = replace(getattr(DROP, end), labels={"app": "old"})

    assert fate(replace(DROP, **{end: old})).fate is Fate.OLD_LABELS


def test_any_endpoint_of_the_service_may_have_got_it():
    way = replace(WAY, endpoints={("10.96.0.1", 8080), ("10.1.1.1", 80), ("10.1.1.2", 80)})

    assert fate(DROP, way=way).fate is Fate.DROPPED_BY_POLICY


def test_only_the_targets_node_says_that_it_arrived():
    assert fate(replace(PASS, node="n1")).fate is Fate.UNTOLD


def test_a_packet_that_vanished_between_watched_nodes_was_lost():
    watched = replace(WAY, watched=True)

    assert fate(way=watched).fate is Fate.LOST_ON_THE_WAY
    assert fate(way=watched, answer=QUICK).fate is Fate.UNTOLD
    assert fate(LEFT, way=watched).fate is Fate.UNTOLD
    assert fate().fate is Fate.UNTOLD


def test_a_drop_says_where_in_which_direction_and_by_which_policy():
    named = replace(DROP, policies=(DENY,), reason="POLICY_DENY")
    event = replace(DROP, point=ObservationPoint.DROP, time=9.0)

    found = fate(event, named)

    assert (found.direction, found.node, found.reason) == (
        RecordDirection.INGRESS,
        "n2",
        "POLICY_DENY",
    )
    assert (found.policies, found.at, found.nodes) == ((DENY,), 9.0, ("n2",))
    assert str(found) == "dropped by policy (ingress, n2): NetworkPolicy shop/deny"


def test_what_let_a_packet_pass_is_named_for_both_directions():
    assert fate(LEFT, replace(PASS, policies=(IN,))).policies == (OUT, IN)


@pytest.mark.parametrize(
    ("labels", "told", "same"),
    [
        pytest.param({"app": "a"}, {"app": "a"}, True, id="same"),
        pytest.param({"app": "a"}, {"app": "b"}, False, id="another-value"),
        pytest.param({"app": "a", "tier": "db"}, {"app": "a"}, False, id="a-new-label-missing"),
        pytest.param({"app": "a"}, {"app": "a", "tier": "db"}, False, id="an-old-label-there"),
        pytest.param(
            {"app": "a", "pod-template-hash": "x"},
            {"app": "a"},
            True,
            id="a-label-nobody-selects-by",
        ),
        pytest.param(
            {"app.kubernetes.io/name": "a"}, {"app.kubernetes.io/name": "a"}, True, id="app-names"
        ),
        pytest.param({}, {}, True, id="none"),
        pytest.param({"app": "a"}, {}, False, id="none-told"),
    ],
)
def test_labels_are_in_force_if_what_is_told_is_what_the_api_says(labels, told, same):
    known = {"10.1.0.1": KnownEnd(node="n1", labels=labels)}

    assert in_force(RecordedEnd(address="10.1.0.1", pod="a", labels=told), known) is same


def test_a_namespaces_labels_count_where_they_are_told():
    end = KnownEnd(node="n1", labels={"app": "a"}, namespace_labels={"team": "new"})
    told = RecordedEnd(address="10.1.0.1", labels={"app": "a"}, namespace_labels={"team": "old"})

    assert not in_force(told, {"10.1.0.1": end})
    assert in_force(replace(told, namespace_labels={}), {"10.1.0.1": end})


def test_a_nodes_own_pod_is_told_as_the_node():
    known = {"10.0.0.1": KnownEnd(node="n1", labels={"app": "a"}, host_network=True)}

    assert in_force(RecordedEnd(address="10.0.0.1", entities=frozenset({"remote-node"})), known)
    assert not in_force(RecordedEnd(address="10.0.0.1", labels={"app": "a"}), known)


def test_a_place_outside_has_no_pods_labels():
    world = RecordedEnd(address="203.0.113.9", entities=frozenset({"world"}))

    assert in_force(world, {})
    assert not in_force(replace(world, labels={"app": "a"}), {})


def test_the_ends_that_are_known_are_an_inventorys_pods():
    def pod(name, phase="Running", **spec):
        return {
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": {"nodeName": "n1", **spec},
            "status": {"phase": phase, "podIP": f"10.1.0.{len(name)}"},
        }

    space = {"metadata": {"name": "shop", "labels": {"team": "a"}}}
    found = known_ends(
        Inventory(namespaces=(space,), pods=(pod("a"), pod("bb", "Failed"), pod("ccc")))
    )

    assert set(found) == {"10.1.0.1", "10.1.0.3"}
    assert found["10.1.0.1"] == KnownEnd(
        node="n1", labels={"app": "a"}, namespace_labels={"team": "a"}
    )
