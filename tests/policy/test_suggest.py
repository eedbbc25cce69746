"""A first story out of policies alone."""

from __future__ import annotations

from dataclasses import replace

from npol.model.story import Protocol
from npol.policy.objects.dialects import CALICO, SPEC
from npol.policy.objects.entities import Pod, Traffic
from npol.policy.suggest.peer_names import Cast
from npol.policy.suggest.story_data import story_data
from npol.policy.suggest.suggest import suggest
from npol.policy.suggest.who_answers import in_front
from npol.policy.suggest.who_asks import Askers
from npol.story import load_story
from npol.yaml_positions import dump
from tests.policy.worlds import policy, world_with

INTO_C = policy(
    "into-c",
    "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress], ingress: [{from: ["
    "{podSelector: {matchLabels: {app: a}}}], ports: [{port: web}]}]}",
)


def spelled(suggestion):
    return {f"{f.source} -> {f.target}:{f.port} {f.expect}" for f in suggestion.flows}


def test_rule_suggests_a_flow_that_it_allows_and_strangers_that_it_stops():
    suggestion = suggest(world_with(INTO_C), CALICO)

    assert spelled(suggestion) == {
        "a -> b:8080 allow",
        "stranger-x -> b:8080 deny",
        "stranger-z -> b:8080 deny",
        "b-x -> b:8080 deny",
    }
    assert suggestion.peers["b"] == {
        "namespace": "x",
        "labels": {"app": "b", "tier": "c"},
        "service": "b",
    }


def test_deny_all_suggests_a_flow_that_it_stops():
    suggestion = suggest(world_with(policy("deny", "{policyTypes: [Egress]}", "z")), CALICO)

    assert {f.expect for f in suggestion.flows} == {"deny"}
    assert all(f.before == "allow" for f in suggestion.flows)


def test_deny_all_beside_an_allow_all_is_not_said_to_let_anything_through():
    deny = policy("deny", "{policyTypes: [Ingress]}")
    allow = policy("allow", "{policyTypes: [Ingress], ingress: [{}]}")
    doubts = suggest(world_with(deny, allow), CALICO).doubts

    assert any(
        "deny" in d and d.endswith("others let everything through that is known") for d in doubts
    )
    assert any(
        "allow" in d and d.endswith("it lets everything through that is known") for d in doubts
    )


def test_block_suggests_no_address_but_a_doubt():
    out = policy(
        "out",
        "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Egress], egress: [{to: [{ipBlock: "
        "{cidr: 203.0.113.0/24, except: [203.0.113.5/32]}}], ports: [{port: 443}]}]}",
    )
    suggestion = suggest(world_with(out), CALICO)

    assert not any("address" in peer for peer in suggestion.peers.values())
    assert any("no address in 203.0.113.0/24" in doubt for doubt in suggestion.doubts)


def test_flow_of_unknown_outcome_is_left_out_and_named():
    out = policy(
        "out",
        "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Egress],"
        " egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
    )
    assert any("not known (x/out)" in text for text in suggest(world_with(out), SPEC).unknown)


def test_the_service_that_has_the_port_is_asked_and_a_headless_one_through_its_pods():
    world = world_with(
        policy("in", "{podSelector: {matchLabels: {tier: c}}, ingress: [{ports: [{port: 3002}]}]}")
    )
    services = tuple(s for s in world.services if s.name != "both")
    headless = tuple(s for s in services if s.headless)

    def asked(kept):
        suggestion = suggest(replace(world, services=kept), CALICO)
        flow = next(f for f in suggestion.flows if f.expect == "allow")
        return suggestion.peers[flow.target].get("service"), flow.port

    assert asked(services[::-1]) == ("b", 8080)
    assert asked(headless) == (None, 3002)


def test_a_pod_that_declares_no_port_is_asked_at_those_of_its_services_only():
    world = world_with(policy("in", "{podSelector: {matchLabels: {tier: c}}, ingress: []}"))
    pods = tuple(replace(p, ports=()) for p in world.pods)
    numbered = tuple(
        replace(s, ports=tuple(replace(p, target=3002) for p in s.ports)) for s in world.services
    )

    def ports(services):
        flows = suggest(replace(world, pods=pods, services=services), CALICO).flows
        return {f.port for f in flows if f.expect == "deny"}

    assert ports(numbered) == {8080}
    assert ports(()) == set()


def test_suggested_story_is_a_valid_story(tmp_path):
    (tmp_path / "policies.yaml").write_text(dump(INTO_C))
    data = story_data(
        suggest(world_with(INTO_C), CALICO), name="first", given=[], policies=["policies.yaml"]
    )
    file = tmp_path / "first.npol.yaml"
    file.write_text(dump(data))

    story = load_story(str(file), root=str(tmp_path))

    assert [s.name for s in story.steps] == ["before policies", "policies", "rollback"]
    assert len(story.steps[1].flows) == 4


def test_headless_service_is_in_front_of_its_own_ports_only():
    world = world_with()
    pod = world.pod("x", "c")

    fronts = {n: in_front(world, pod, n, Protocol.TCP) for n in (3002, 8080, 9999)}

    assert {n: f and (f[0].name, f[1]) for n, f in fronts.items()} == {
        3002: ("b", 8080),
        8080: ("headless", 8080),
        9999: None,
    }


def test_nothing_asks_in_the_place_of_a_job_whose_pods_a_service_publishes_at_once():
    """Its own pod has ended, and a debug pod like it would get the Service's traffic."""
    world = world_with(INTO_C)
    job = next(p for p in world.pods if p.labels.get("app") == "b")
    service = replace(world.services_of(job)[0], publish_not_ready=True)
    published = replace(world, services=(service,))

    def like(workload):
        found = Askers(published, lambda namespace: False).like([replace(job, workload=workload)])
        return [(p.name, p.workload) for p in found]

    assert like("deployment/b") == [(job.name, "deployment/b")]
    assert like("job/b") == []


def test_names_of_peers_are_as_short_as_a_story_takes_them_and_all_different():
    peers = Cast(world_with(INTO_C))
    pods = [
        Pod(namespace="x", name=f"p{n}", labels={"n": str(n)}, workload=f"deployment/{'a' * 70}")
        for n in range(12)
    ]
    names = [peers.pod(pod) for pod in pods]

    assert len(set(names)) == 12
    assert max(map(len, names)) == 63
    assert [peers.pod(pod) for pod in pods] == names


def test_pods_that_are_asked_themselves_stay_so_however_long_their_name_is():
    world = world_with(INTO_C)
    pod = replace(world.pod("x", "c"), workload=f"deployment/{'a' * 62}")
    peers, service = Cast(world), world.services_of(pod)[0]

    def asked(target):
        traffic = Traffic(source=pod, target=target, port=1, protocol=Protocol.TCP)
        return peers.target(pod, traffic)

    as_pods, by_service = asked(pod), asked(service)

    assert peers.peers[as_pods].get("service") is None
    assert peers.peers[by_service]["service"] == service.name
    assert as_pods.endswith("-pods")
