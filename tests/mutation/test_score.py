"""Coverage and mutation: would the stories notice a mistake in a policy?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.cli.check_stories import coverage_words
from npol.mutation.operators import mutants
from npol.mutation.score import mutate
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.netpol_types import Direction
from npol.policy.parse.parse_policies import parse_policy
from npol.policy.simulate.coverage import Coverage, CoveredPart, coverage
from npol.policy.simulate.simulated_steps import scenes
from tests.policy.stories import step, story
from tests.policy.worlds import policy

INTO_C = policy(
    "into-c",
    "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress], ingress: [{from: ["
    "{podSelector: {matchLabels: {app: a}}}, {namespaceSelector: {matchLabels: {team: blue}}}],"
    " ports: [{port: 3002}, {port: 3003}]}]}",
)


BEFORE = step("before", "pods -> b:8080")


ISOLATION = (CoveredPart.ISOLATION, Direction.INGRESS, "")


def with_policy(*flows, before=BEFORE):
    return story(before, step("policies", *flows, apply=[INTO_C]))


def told(*flows):
    return scenes(story(step("policies", *flows, apply=[INTO_C])))


def uncovered(*flows):
    return {(i.part, i.direction, i.port) for i in coverage(told(*flows), CALICO).uncovered}


def test_nothing_is_covered_without_flows():
    assert uncovered() == {
        ISOLATION,
        (CoveredPart.RULE, Direction.INGRESS, ""),
        (CoveredPart.PEER, Direction.INGRESS, ""),
        (CoveredPart.PORT, Direction.INGRESS, "TCP 3002"),
        (CoveredPart.PORT, Direction.INGRESS, "TCP 3003"),
    }


def test_allowed_flow_covers_its_rule_peer_and_port():
    items = coverage(told("a -> b:8080"), CALICO).items

    covered = {(i.part, i.origin.path) for i in items if i.flows}
    assert covered == {
        (CoveredPart.RULE, "spec.ingress[0]"),
        (CoveredPart.PEER, "spec.ingress[0].from[0]"),
        (CoveredPart.PORT, "spec.ingress[0].ports[0]"),
    }


def test_refused_flow_covers_the_isolation():
    assert ISOLATION not in uncovered("pods -> b:8080")


def test_covered_item_names_its_flows():
    items = coverage(told("a -> b:8080", "far -> b:8080"), CALICO).items

    (rule,) = (i for i in items if i.part is CoveredPart.RULE)
    assert rule.flows == ("policies: a -> b:8080", "policies: far -> b:8080")


def test_a_story_without_policies_has_nothing_to_cover():
    found = coverage(scenes(story(step("none", "a -> b:8080"))), CALICO)

    assert coverage_words(found) == "nothing to cover: no step of a story has a policy in force"


@pytest.mark.parametrize(
    ("covered", "of", "said"),
    [(0, 3, "0 of 3 items, 0%"), (299, 300, "299 of 300 items, 99%"), (3, 3, "3 of 3 items, 100%")],
)
def test_a_hundred_percent_is_all(covered, of, said):
    (item, *_) = coverage(told("a -> b:8080"), CALICO).items
    items = [replace(item, flows=("asked",) if n < covered else ()) for n in range(of)]

    assert coverage_words(Coverage(items=tuple(items))) == said


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


def results(*flows, what, **kwargs):
    found = mutate(with_policy(*flows, **kwargs), CALICO).results
    return [r for r in found if r.mutant.what == what]


def test_flow_that_would_change_notices_the_mutant():
    (removed,) = results("a -> b:8080", what="rule removed")

    assert (removed.noticed_in, removed.noticed_by) == ("policies", "a -> b:8080")


def test_survivor_comes_with_the_flow_to_add():
    (survivor,) = results("a -> b:8080", what="policy removed")

    assert survivor.survived
    assert survivor.add.step == "policies"
    assert survivor.add.flow == {"from": "pods", "to": "b", "port": 8080, "expect": "deny"}


def test_flow_that_is_hinted_at_kills_the_survivor():
    (removed,) = results("a -> b:8080", "pods -> b:8080 deny", what="policy removed")

    assert removed.noticed_by == "pods -> b:8080"


def test_flow_whose_expectation_is_met_either_way_notices_nothing():
    """A deny is about addresses: that its name resolves again changes nothing."""
    no_dns = policy("no-dns", "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], "
                    "egress: [{to: [{podSelector: {}}]}]}")  # fmt: skip
    one = story(step("s", "a -> far:80 deny", apply=[no_dns]))
    found = {r.mutant.what: r for r in mutate(one, CALICO).results}

    assert found["policy removed"].noticed_by == "a -> far:80"
    assert not found["podSelector widened to all pods"].noticed_by


def test_closed_port_tells_where_an_earlier_step_shows_that_it_refuses():
    (dropped,) = results("a -> b:8080", "pods -> b:8080 deny", what="ports dropped")
    witness = dropped.add

    assert witness.open_in == "before"
    assert witness.flow["expect"] == "deny"
    assert witness.flow["port"] not in (3002, 3003)
    (name,) = witness.peers
    assert witness.peers[name] == {"namespace": "x", "labels": {"app": "b", "tier": "c"}}


def test_closed_port_does_not_tell_where_nothing_can_show_that_it_refuses():
    one = story(step("policies", "a -> b:8080", "pods -> b:8080 deny", apply=[INTO_C]))
    (dropped,) = (r for r in mutate(one, CALICO).results if r.mutant.what == "ports dropped")

    assert not dropped.survived
    assert dropped.unkillable.startswith("no step shows first what is there")


def test_block_that_no_peer_stands_for_is_not_provable():
    block = "{cidr: 203.0.113.0/24, except: [203.0.113.5/32]}"
    out = policy("out", "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], "
                 f"egress: [{{to: [{{ipBlock: {block}}}]}}]}}")  # fmt: skip
    one = story(step("out", "a -> partner:443", "a -> far:80 deny", apply=[out]))
    found = {r.mutant.what: r for r in mutate(one, CALICO).results}

    assert found["except dropped"].unkillable == (
        "no peer is known to answer at 203.0.113.5 (of 203.0.113.5/32) every port"
    )
    assert found["rule removed"].noticed_by == "a -> partner:443"


def test_debug_pods_of_the_story_count_as_ends():
    """No pod of the cluster has the label, but one of the story's peers does."""
    narrow = policy("narrow", "{podSelector: {matchLabels: {tier: c}}, ingress: "
                    "[{from: [{podSelector: {matchLabels: {run: tool}}}]}]}")  # fmt: skip
    one = story(step("s", "tool -> b:8080", "a -> b:8080 deny", apply=[narrow]))
    found = {r.mutant.what: r for r in mutate(one, CALICO).results}

    assert found["rule removed"].noticed_by == "tool -> b:8080"
    one = story(step("s", "a -> b:8080 deny", apply=[narrow]), step("t", "tool -> far:80"))
    found = {r.mutant.what: r for r in mutate(one, CALICO).results}
    assert found["rule removed"].add.flow["from"] == "tool"


def test_mutant_that_no_flow_could_tell_is_equivalent_and_not_counted():
    selects_nobody = policy("none", "{podSelector: {matchLabels: {app: none}}, ingress: [{}]}")
    mutation = mutate(story(step("s", apply=[selects_nobody])), CALICO)

    removed = [r for r in mutation.results if r.mutant.what in ("policy removed", "rule removed")]
    assert all(r.equivalent for r in removed)
    assert len(removed) == 2
