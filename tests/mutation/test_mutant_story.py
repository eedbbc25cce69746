"""A story with a mutant in the place of a policy."""

from __future__ import annotations

from dataclasses import replace

from npol.model.change import Apply, Delete
from npol.model.story_settings import Settle
from npol.mutation.mutant_story import mutated_story, packets_only
from npol.mutation.operators import mutants
from npol.policy.simulate.simulated_steps import scenes
from tests.policy.stories import manifests, step, story
from tests.policy.worlds import policy

DENY = policy("deny", "{policyTypes: [Ingress, Egress]}")
OTHER = policy("other", "{podSelector: {matchLabels: {app: a}}, ingress: [{}]}")
LATER = policy("deny", "{policyTypes: [Ingress]}")


def told(*steps):
    """A story, its scenes, and the mutants of DENY."""
    one = story(*steps)
    seen = scenes(one)
    found = next(p for s in seen for p in s.world.policies if str(p) == "x/deny")
    return one, seen, list(mutants(found))


def changes(one):
    return [
        (type(c), [(m.name, m.body["spec"].get("policyTypes")) for m in c.manifests])
        for s in one.steps
        for c in s.changes
    ]


def test_the_mutant_is_applied_in_place_of_the_policy_and_nothing_else_changes():
    one, seen, (_, freed, *_) = told(step("deny", apply=[DENY, OTHER]))

    assert changes(mutated_story(one, freed, seen)) == [
        (Apply, [("deny", ["Egress"]), ("other", None)])
    ]


def test_the_mutant_keeps_name_and_labels_of_the_policy():
    body = {**DENY, "metadata": DENY["metadata"] | {"labels": {"team": "red"}}}
    one, seen, (_, freed, *_) = told(step("deny", apply=[body]))

    (change,) = mutated_story(one, freed, seen).steps[0].changes

    assert isinstance(change, Apply)
    assert change.manifests[0].body["metadata"] == body["metadata"]


def test_where_the_policy_is_gone_no_earlier_version_stays():
    one, seen, _ = told(step("first", apply=[LATER]), step("second", apply=[DENY, OTHER]))
    second = seen[1].world.policy("x", "deny")
    removed = next(iter(mutants(second)))

    assert changes(mutated_story(one, removed, seen)) == [
        (Apply, [("deny", ["Ingress"])]),
        (Apply, [("other", None)]),
        (Delete, [("deny", ["Ingress", "Egress"])]),
    ]


def test_steps_in_which_the_policy_is_not_in_force_any_more_are_not_told():
    one, seen, (removed, *_) = told(
        step("open"), step("deny", apply=[DENY]), step("rollback", delete=[DENY])
    )

    assert [s.name for s in mutated_story(one, removed, seen).steps] == ["open", "deny"]


def test_a_given_policy_is_mutated_as_well():
    (deny,) = manifests(DENY)
    one = story(step("now"))
    one = replace(one, given=(*one.given, deny))
    seen = scenes(one)
    removed, freed, *_ = mutants(seen[0].world.policy("x", "deny"))

    assert deny not in mutated_story(one, removed, seen).given
    assert mutated_story(one, freed, seen).given[-1].body["spec"]["policyTypes"] == ["Egress"]


def test_only_packets_can_fail_a_story_that_is_tried():
    (asked,) = step("deny", "a -> b:8080").flows
    slow = replace(
        step("deny"),
        flows=(replace(asked, because="deny", converge_within=0.1),),
        settle=Settle(within=60.0),
        converge_within=1.0,
    )
    bare = packets_only(story(slow), within=5.0)

    (only,) = bare.steps
    assert only == replace(step("deny"), flows=(asked,), settle=Settle(within=5.0))
    assert bare.defaults.settle.within == 5.0


def test_patience_that_is_shorter_stays():
    quick = replace(step("deny"), settle=Settle(within=2.0))

    assert packets_only(story(quick), within=5.0).steps[0].settle.within == 2.0
