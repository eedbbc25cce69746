"""Stories told without a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.model.story import Protocol, When
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.entities import Pod
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.report.causes import fact_words, prediction_words
from tests.policy.stories import step, story
from tests.policy.worlds import policy

DENY = policy("deny", "{policyTypes: [Ingress, Egress]}")
OUT = policy("out", "{policyTypes: [Egress], egress: [{ports: [{port: 3001}]}]}")


def answers(told):
    return [[asked.answer(scene.world, CALICO) for asked in scene.asked] for scene in scenes(told)]


def test_each_step_has_the_world_after_its_changes():
    told = story(
        step("before", "a -> b:8080", "a ? b.x"),
        step("deny", "a -> b:8080", "a ? b.x", apply=[DENY]),
        step("rollback", delete=[DENY], same_as="before"),
    )
    assert answers(told) == [[True, True], [False, False], [True, True]]


@pytest.mark.parametrize(("applied", "asked"), [((), 0), ((DENY,), 1)])
def test_a_step_that_waits_for_a_policy_is_told_when_it_is_there(applied, asked):
    waits = replace(
        step("waits", "a -> b:8080"), when=When(kind="networkpolicy", name="deny", namespace="x")
    )

    told = scenes(story(step("first", "a -> b:8080", apply=applied), waits))

    assert [len(scene.asked) for scene in told] == [1, asked]


def test_lookup_over_tcp_is_asked_over_tcp():
    udp_only = policy(
        "dns", "{policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]}"
    )
    told = step("s", "a ? b.x", apply=[udp_only])
    over_tcp = replace(told.flows[0], protocol=Protocol.TCP)

    assert answers(story(replace(told, flows=(*told.flows, over_tcp)))) == [[True, False]]


def test_source_with_labels_is_a_debug_pod_that_no_service_takes_in():
    (scene,) = scenes(story(step("s", "a -> b:8080")))

    (asked,) = scene.asked
    source = asked.traffics[0].source
    assert isinstance(source, Pod)
    assert (str(source), source.ready) == ("x/npol-a", False)


def test_every_pod_is_asked_on_its_own_port():
    told = story(step("s", "a -> every pod of pods:8080", apply=[OUT]))
    (asked,) = scenes(told)[0].asked

    found = [(str(t.target), t.port, t.family) for t in asked.traffics]
    assert found == [("x/b", 3001, 4), ("x/b", 3001, 6), ("x/c", 3002, 4)], "b has both families"
    assert answers(told) == [[None]]  # one is open, one is closed


def test_address_of_a_peer_is_a_place_outside():
    assert answers(story(step("s", "a -> partner:443", apply=[DENY]))) == [[False]]


def test_address_of_a_peer_is_of_its_own_family():
    assert answers(story(step("s", "a -> partner6:443"))) == [[True]]


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [("cluster-ip", 8080, 3002), ("cluster-ip", 8080, 8080), ("one-pod", 3002, 3002)],
    ids=["service-by-pod-port", "service-by-its-own-port", "pod"],
)
def test_address_of_a_peer_may_be_a_services_or_a_pods(address, port, allowed):
    """A ClusterIP is translated: policies are judged on the pods and the ports behind it."""
    to_c = policy(
        "to-c",
        "{policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {tier: c}}}],"
        f" ports: [{{port: {allowed}}}]}}]}}",
    )
    (scene,) = told = scenes(story(step("s", f"a -> {address}:{port}", apply=[to_c])))

    assert [str(t.target).removeprefix("Service ") for t in scene.asked[0].traffics] == [
        "x/c" if address == "one-pod" else "x/b"
    ]
    assert told[0].asked[0].answer(scene.world, CALICO) is (allowed == 3002)


@pytest.mark.parametrize(("dialect", "answer"), [(SPEC, None), (CALICO, False), (CILIUM, False)])
def test_cluster_ip_in_an_ip_block_is_as_the_dialect_has_it(dialect, answer):
    block = policy(
        "block", "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.2/32}}]}]}"
    )
    (scene,) = scenes(story(step("s", "a -> cluster-ip:8080", apply=[block])))
    (foretold,) = forecast([scene], dialect.name)[0].flows

    assert scene.asked[0].answer(scene.world, dialect) is answer
    assert prediction_words(foretold.prediction) == (
        "deny"
        if answer is False
        else "unknown: whether ipBlock sees a Service's address is undefined"
    )


def test_cluster_ip_of_no_known_service_is_unknown():
    """Not every namespace is read: it may be a Service of another one."""
    (scene,) = scenes(story(step("s", "a -> unread:80")))
    (foretold,) = forecast([scene], "calico")[0].flows

    assert foretold.holds is None
    assert prediction_words(foretold.prediction) == (
        "unknown: 10.96.44.3 lies among the ClusterIPs, and no Service known here has it"
    )


def test_peer_that_matches_no_pod_has_a_problem_and_no_answer():
    (scene,) = scenes(story(step("s", "nobody -> b:8080")))

    assert fact_words(scene.asked[0].problem) == "no pod here is peer 'nobody'"
    assert scene.asked[0].answer(scene.world) is None
