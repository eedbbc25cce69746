"""Mistakes in policies of tiers: what they are called, and that flows notice them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.model.change import Apply, Delete
from npol.mutation.mutant_story import mutated_story
from npol.mutation.score import mutate
from npol.mutation.tier_operators import tier_mutants
from npol.policy.objects.dialects import LAB
from npol.policy.parse.object_source import sources
from npol.policy.parse.parse_tiers import parse_tier_policy
from npol.policy.simulate.simulated_steps import scenes
from tests.policy.stories import step, story

API = {
    "ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2",
    "AdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1",
    "BaselineAdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1",
}


def tiered(name, *rules, kind="ClusterNetworkPolicy", **spec):
    """`rules`: actions of ingress rules, each with the namespace that it fits."""
    ingress = [
        {
            "action": action,
            "from": [{"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": source}}}],
        }
        for action, source in rules
    ]
    own = {"tier": "Admin", "priority": 10} if kind == "ClusterNetworkPolicy" else {}
    return {
        "apiVersion": API[kind],
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**own, **spec, "subject": {"namespaces": {}}, "ingress": ingress},
    }


def read(body):
    return parse_tier_policy(next(sources([body]))).policy


GUARD = tiered("guard", ("Pass", "x"), ("Deny", "z"), priority=20)
FIRST = tiered("first", ("Accept", "z"), priority=5)
LAST = tiered("last", ("Accept", "z"), priority=30)


def what(body, *others):
    return [m.what for m in tier_mutants(read(body), [read(o) for o in others])]


def test_each_action_becomes_each_other_and_the_priority_passes_each_neighbour():
    assert what(GUARD, FIRST, LAST) == [
        "policy removed",
        "priority 20 moved to 4, before first",
        "priority 20 moved to 31, behind last",
        "rule removed",
        "action Pass became Accept",
        "action Pass became Deny",
        "rule removed",
        "action Deny became Accept",
        "action Deny became Pass",
    ]


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        ("AdminNetworkPolicy", ["action Deny became Allow", "action Deny became Pass"]),
        ("BaselineAdminNetworkPolicy", ["action Deny became Allow"]),
    ],
)
def test_actions_are_those_of_the_kind_in_its_own_words(kind, actions):
    body = tiered("default", ("Deny", "z"), kind=kind)

    assert what(body) == ["policy removed", "rule removed", *actions]


def test_a_priority_moves_past_policies_of_its_own_tier_only():
    other = tiered("floor", ("Accept", "z"), tier="Baseline", priority=30)

    assert not [w for w in what(GUARD, other) if w.startswith("priority")]


def test_a_priority_is_one_that_nobody_has_and_the_api_takes():
    zero = tiered("zero", ("Accept", "z"), priority=0)
    full = [tiered(f"n{n}", ("Accept", "z"), priority=n) for n in (21, 22)]

    assert [w for w in what(GUARD, zero, *full) if w.startswith("priority")] == [
        "priority 20 moved to 23, behind n21"
    ]


def told(*flows):
    return story(step("before", "far -> b:8080"), step("tiers", *flows, apply=[GUARD, LAST]))


def test_flows_notice_actions_and_priorities():
    found = {r.mutant.what: r for r in mutate(told("far -> b:8080 deny"), LAB).results}

    assert found["priority 20 moved to 31, behind last"].noticed_by == "far -> b:8080"
    assert found["action Deny became Accept"].noticed_by == "far -> b:8080"
    assert found["action Deny became Pass"].noticed_by == "far -> b:8080"


def test_what_no_flow_notices_survives_with_a_flow_that_would():
    found = {str(r.mutant): r for r in mutate(told("a -> b:8080"), LAB).results}
    survivor = next(r for name, r in found.items() if "action Deny became Accept" in name)

    assert survivor.survived
    assert survivor.add.flow["expect"] == "deny"


def test_a_story_is_told_with_the_changed_policy_in_its_place():
    one = told()
    seen = scenes(one)
    swapped = next(m for m in tier_mutants(read(GUARD)) if m.what == "action Deny became Accept")
    swapped = replace(swapped, policy=seen[1].world.tier_policies[0])
    (apply,) = mutated_story(one, swapped, seen).steps[1].changes

    assert isinstance(apply, Apply)
    changed, other = (m.body["spec"] for m in apply.manifests)
    rules = GUARD["spec"]["ingress"]
    assert changed == GUARD["spec"] | {"ingress": [rules[0], rules[1] | {"action": "Accept"}]}
    assert other == LAST["spec"]


def test_a_removed_policy_is_deleted_and_a_moved_one_keeps_its_rules():
    one = told()
    seen = scenes(one)
    guard, last = seen[1].world.tier_policies
    removed, moved, *_ = tier_mutants(guard, [last])

    kept, gone = mutated_story(one, removed, seen).steps[1].changes
    assert isinstance(kept, Apply)
    assert isinstance(gone, Delete)
    (apply,) = mutated_story(one, moved, seen).steps[1].changes
    assert isinstance(apply, Apply)
    assert apply.manifests[0].body["spec"] == GUARD["spec"] | {"priority": 31}
