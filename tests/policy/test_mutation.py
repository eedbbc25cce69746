"""Coverage and mutation: would the stories notice a mistake in a policy?"""

from __future__ import annotations

from harness.policy.coverage import coverage
from harness.policy.dialects import CALICO
from harness.policy.mutants import mutants
from harness.policy.mutate import mutate
from harness.policy.reading import parse_policy
from harness.policy.scenes import scenes
from tests.policy.stories import step, story
from tests.policy.worlds import policy

INTO_C = policy(
    "into-c",
    "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress], ingress: [{from: ["
    "{podSelector: {matchLabels: {app: a}}}, {namespaceSelector: {matchLabels: {team: blue}}}],"
    " ports: [{port: 3002}, {port: 3003}]}]}",
)


def told(*flows):
    return scenes(story(step("policies", *flows, apply=[INTO_C])))


def uncovered(*flows):
    return {(i.kind, i.what) for i in coverage(told(*flows), CALICO).uncovered}


def test_nothing_is_covered_without_flows():
    assert uncovered() == {
        ("isolation Ingress", "stops ingress that no rule allows"),
        ("rule", "ingress rule"),
        ("peer", "peer"),
        ("port", "TCP 3002"),
        ("port", "TCP 3003"),
    }


def test_allowed_flow_covers_its_rule_peer_and_port():
    items = coverage(told("a -> b:8080"), CALICO).items

    covered = {(i.kind, i.origin.path) for i in items if i.flows}
    assert covered == {
        ("rule", "spec.ingress[0]"),
        ("peer", "spec.ingress[0].from[0]"),
        ("port", "spec.ingress[0].ports[0]"),
    }


def test_refused_flow_covers_the_isolation():
    assert ("isolation Ingress", "stops ingress that no rule allows") not in uncovered(
        "pods -> b:8080"
    )


def test_covered_item_names_its_flows():
    items = coverage(told("a -> b:8080", "far -> b:8080"), CALICO).items

    (rule,) = (i for i in items if i.kind == "rule")
    assert rule.flows == ("policies: a -> b:8080", "policies: far -> b:8080")


def test_share_of_a_story_without_policies_is_whole():
    assert coverage(scenes(story(step("none", "a -> b:8080"))), CALICO).share == 1.0


def test_mutants_remove_widen_and_narrow_each_part():
    found = {m.what for m in mutants(parse_policy(INTO_C).policy)}

    assert found == {
        "policy removed",
        "podSelector widened to all pods",
        "rule removed",
        "from dropped",
        "ports dropped",
        "port TCP 3002 removed",
        "port TCP 3003 removed",
        "peer removed",
        "podSelector of a peer widened to all pods",
        "namespaceSelector of a peer widened to all namespaces",
    }


def test_mutant_of_two_directions_frees_each():
    both = policy("deny", "{policyTypes: [Ingress, Egress]}")

    assert [m.what for m in mutants(parse_policy(both).policy)] == [
        "policy removed",
        "Ingress taken out of policyTypes",
        "Egress taken out of policyTypes",
    ]


def test_flow_that_would_change_notices_the_mutant():
    results = mutate(told("a -> b:8080"), CALICO).results

    (removed,) = (r for r in results if r.mutant.what == "rule removed")
    assert removed.noticed_by == "policies: a -> b:8080"


def test_survivor_comes_with_the_flow_to_add():
    (survivor,) = (
        r
        for r in mutate(told("a -> b:8080"), CALICO).survivors
        if r.mutant.what == "policy removed"
    )
    assert survivor.hint == "in step 'policies': x/b -> x/c:3002/tcp, expect deny"


def test_flow_that_is_hinted_at_kills_the_survivor():
    results = mutate(told("a -> b:8080", "pods -> b:8080"), CALICO).results

    (removed,) = (r for r in results if r.mutant.what == "policy removed")
    assert removed.noticed_by == "policies: pods -> b:8080"


def test_mutant_that_no_flow_could_tell_is_equivalent_and_not_counted():
    """Port 3003 is removed, and the policy's pods do not differ in any flow that is asked."""
    selects_nobody = policy("none", "{podSelector: {matchLabels: {app: none}}, ingress: [{}]}")
    mutation = mutate(scenes(story(step("s", apply=[selects_nobody]))), CALICO)

    removed = [r for r in mutation.results if r.mutant.what in ("policy removed", "rule removed")]
    assert all(r.equivalent for r in removed)
    assert len(removed) == 2


def test_score_counts_what_could_be_noticed():
    everything = mutate(told("a -> b:8080", "far -> b:8080", "pods -> b:8080"), CALICO)

    assert 0 < everything.score < 1
    assert mutate([], CALICO).score == 1.0
