"""Which probes a flow needs, and which steps a selection needs."""

from dataclasses import replace
from typing import Any

import pytest

from npol.errors import Position
from npol.judge.probes import has_denies, probes_of
from npol.model.change import Apply
from npol.model.expectation import parse_expectation
from npol.model.probe import PodRef, ProbeKind, Role
from npol.model.selection import Selection, replayed
from npol.model.story import Flow, HttpCheck, Protocol, Step, Story
from npol.model.target import Backend, Target
from npol.story.expansion import expand

HERE = Position("story.npol.yaml", 1, 1)
POD = PodRef(namespace="shop", name="web-1", uid="u", ip="10.244.1.2")
TARGET = Target(
    label="web:80/tcp",
    port=80,
    name="web.shop.svc.cluster.local.",
    cluster_ips=("10.96.0.7",),
    backends=(Backend(ip="10.244.1.2", port=3001, pod=POD),),
)


ALLOW = parse_expectation("allow")


def flow(name="f", **kwargs):
    fields: dict[str, Any] = {
        "source": "a",
        "target": "web",
        "port": 80,
        "expect": parse_expectation("allow"),
    }
    return Flow(name=name, at=HERE, **(fields | kwargs))


def asked(f, target=TARGET):
    return {p.role: p for p in probes_of(f, target, timeout=2.0)}


def test_a_service_is_asked_by_name_by_cluster_ip_and_by_each_pod():
    probes = asked(flow())

    assert probes[Role.NAME].name == "web.shop.svc.cluster.local."
    assert (probes[Role.SERVICE].address, probes[Role.SERVICE].port) == ("10.96.0.7", 80)
    assert (probes[Role.POD].address, probes[Role.POD].port) == ("10.244.1.2", 3001)


def test_connections_are_given_addresses_and_resolve_nothing():
    for role, probe in asked(flow(http=HttpCheck(path="/x"))).items():
        assert (probe.kind is ProbeKind.DNS) == (role is Role.NAME)
        assert role is Role.NAME or probe.address[0].isdigit()


def test_http_carries_the_host_that_the_target_answers_to():
    site = replace(TARGET, name="", host="app.example.test")

    assert asked(flow(http=HttpCheck()))[Role.SERVICE].name == "web.shop.svc.cluster.local"
    assert asked(flow(http=HttpCheck()), site)[Role.SERVICE].name == "app.example.test"
    assert asked(flow(http=HttpCheck(host="other")), site)[Role.SERVICE].name == "other"


def test_udp_sends_what_can_be_answered():
    dns = asked(flow(port=53, protocol=Protocol.UDP))[Role.POD]
    echo = asked(flow(port=8081, protocol=Protocol.UDP))[Role.POD]

    assert dns.kind is ProbeKind.DNS
    assert dns.address
    assert (echo.kind, bool(echo.payload)) == (ProbeKind.CONNECT, True)


def test_every_pod_asks_pods_only():
    assert list(asked(flow(every_pod=True))) == [Role.POD]


def test_a_look_up_asks_the_sources_own_servers():
    (probe,) = probes_of(flow(target="", resolve="web.shop.", port=0), None, timeout=2.0)

    assert (probe.role, probe.address) == (Role.NAME, "")


def story(*steps):
    return Story(name="s", path="s.npol.yaml", root=".", steps=steps)


def step(name, *flows, **kwargs):
    return Step(name=name, at=HERE, flows=flows, **kwargs)


CHANGE = (Apply(at=HERE, manifests=()),)


def test_same_as_repeats_the_flows_of_the_step_it_names():
    open_flow, cut = flow("a"), flow("a", expect=parse_expectation("deny"))
    told = expand(
        story(step("before", open_flow), step("cut", cut), step("back", same_as="before"))
    )

    assert told.step("back").flows == (open_flow,)


def test_a_selection_keeps_earlier_changes_and_one_baseline_of_its_flows():
    a, b = flow("a"), flow("b", port=81)
    denied = flow("a", expect=parse_expectation("deny"))
    whole = story(
        step("before", a, b),
        step("first change", b, changes=CHANGE),
        step("cut", denied, b, changes=CHANGE),
        step("after", a, changes=CHANGE),
    )

    kept = replayed(whole, Selection(frozenset({("cut", "a")})))

    assert [s.name for s in kept.steps] == ["before", "first change", "cut"]
    assert [s.flows for s in kept.steps] == [(a,), (), (denied,)]
    assert kept.steps[1].changes == CHANGE


def test_a_selection_keeps_the_flow_that_shows_that_a_port_refuses():
    """Whoever asked it: without it the silence later would prove nothing."""
    refused, denied = parse_expectation("refused"), parse_expectation("deny")
    shown, elsewhere = flow("b", port=81, expect=refused), flow("c", port=82, expect=refused)
    cut = flow("a", port=81, expect=denied)
    whole = story(step("before", shown, elsewhere), step("cut", cut, changes=CHANGE))

    kept = replayed(whole, Selection(frozenset({("cut", "a")})))

    assert [s.flows for s in kept.steps] == [(shown,), (cut,)]


def test_no_selection_keeps_everything():
    whole = story(step("before", flow()), step("cut", changes=CHANGE))

    assert replayed(whole, Selection()) is whole


@pytest.mark.parametrize(
    ("word", "needs"),
    [
        ("deny", True),
        ("timeout", True),
        ("dns timeout", True),
        ("refused", False),
        ("allow", False),
    ],
)
def test_expectations_that_only_an_enforced_policy_meets_need_a_canary(word, needs):
    assert has_denies([step("s", flow(expect=parse_expectation(word)))], "calico") is needs


@pytest.mark.parametrize(
    ("http", "name", "server_name"),
    [
        pytest.param({"host": "shop.test"}, "shop.test", "", id="host"),
        pytest.param({"tls": True, "sni": "gw.test"}, "gw.test", "", id="handshake"),
        pytest.param(
            {"tls": True, "host": "shop.test", "sni": "gw.test"}, "shop.test", "gw.test", id="both"
        ),
        pytest.param({"host": "shop.test", "sni": "gw.test"}, "shop.test", "", id="no-handshake"),
        pytest.param({}, "web.shop.svc.cluster.local", "", id="its-own-name"),
    ],
)
def test_a_request_has_the_host_and_the_handshake_the_name_that_the_story_gives(
    http, name, server_name
):
    asked = probes_of(flow(http=HttpCheck(**http)), TARGET, timeout=1.0)

    assert {(p.name, p.server_name) for p in asked if p.kind is ProbeKind.HTTP} == {
        (name, server_name)
    }
