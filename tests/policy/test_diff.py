"""What opens and closes between two worlds, by groups of pods."""

from __future__ import annotations

from hypothesis import given

from npol.policy.evaluate.evaluate import decide
from npol.policy.matrix.diff import difference
from npol.policy.matrix.equivalence import ports_of
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import apply, build, label
from tests.examples import examples
from tests.policy.clusters import clusters, objects
from tests.policy.worlds import policy, world_with


def told(before, after):
    return [str(d) for d in difference(before, after, CALICO)]


def test_equal_worlds_do_not_differ():
    world = world_with(policy("p", "{}"))

    assert told(world, apply(world, [policy("p", "{}")])) == []


def test_one_more_rule_opens_just_its_flows():
    deny = policy("p", "{podSelector: {matchLabels: {tier: c}}}")
    allow = policy(
        "p",
        "{podSelector: {matchLabels: {tier: c}}, ingress: [{from: [{podSelector: {matchLabels: "
        "{app: a}}}], ports: [{port: 3002}]}]}",
    )
    world = world_with(deny)

    assert told(world, apply(world, [allow])) == ["opens: x/a -> x/c 3002/tcp"]


def test_deny_all_closes_every_port_and_the_outside():
    world = world_with()
    deny = policy("p", "{podSelector: {matchLabels: {tier: c}}}")

    assert told(world, apply(world, [deny])) == [
        "closes: x/a and 1 more, z/a, anywhere else outside -> x/c every port"
    ]


def test_blocks_and_their_exceptions_are_asked_at_an_address_of_their_own():
    before = policy("p", "{policyTypes: [Egress]}")
    after = policy(
        "p",
        "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, "
        "except: [203.0.113.5/32]}}], ports: [{port: 443}]}]}",
    )
    world = world_with(before)

    assert told(world, apply(world, [after])) == [
        "opens: x/a and 2 more -> 203.0.113.1 (of 203.0.113.0/24) 443/tcp"
    ]


def test_changed_label_is_a_difference_too():
    world = world_with(
        policy("p", "{ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}")
    )
    after = label(world, kind="namespace", name="z", namespace="", labels={"team": "green"})

    assert told(world, after) == ["closes: z/a -> x/a and 2 more every port"]


def test_relabelled_pod_is_told_apart_from_its_equals():
    world = world_with(
        policy("p", "{ingress: [{from: [{podSelector: {matchLabels: {tier: c}}}]}]}")
    )
    after = label(world, kind="pod", name="b", namespace="x", labels={"tier": "c"})

    assert told(world, after) == [
        "opens: x/b -> x/a every port",
        "opens: x/b -> x/c every port",
    ]


@examples(15)
@given(cluster=clusters(), other=clusters())
def test_difference_is_what_the_evaluator_says_differently(cluster, other):
    before = build(objects(cluster))
    after = build(objects({**cluster, "policies": other["policies"]}))
    ports = ports_of(before.pods, (*before.policies, *after.policies))
    expected = set()
    for source in after.pods:
        for target in after.pods:
            for port in ports:
                asked = Traffic(
                    source=source, target=target, port=port.number, protocol=port.transport
                )
                was, now = (decide(w, asked, CALICO).allowed for w in (before, after))
                if was is not now:
                    expected.add((now, str(source), str(target), str(port)))

    assert _single(before, after, ports) == expected


def _single(before, after, ports):
    """The differences between pods, each pair and port on its own."""
    return {
        (d.opens, str(s), str(t), str(port))
        for d in difference(before, after, CALICO)
        for source in d.sources
        for s in getattr(source, "pods", ())
        for t in getattr(d.target, "pods", ())
        for port in ports
        if s != t and (str(port) in d.ports or d.ports == ("every port",))
    }
