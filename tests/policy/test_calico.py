"""Calico's own policies: NetworkPolicy, GlobalNetworkPolicy, Tier, and network sets."""

from __future__ import annotations

import re

import pytest

from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.causes import nearest
from npol.policy.explain.explain import explain_flow
from npol.policy.objects.dialects import CALICO, CILIUM, LAB, SPEC
from npol.policy.parse.parse_calico_selectors import SelectorError, parse_calico_selector
from npol.report.causes import cause_words, prediction_words
from tests.policy.calico_cases import CALICO_CASES, IN, OPEN_X, at, gnp, ingress, np, tier
from tests.policy.worlds import traffic, world_with

WORDS = {True: "allow", False: "deny", None: "?"}


@pytest.mark.parametrize("dialect", [CALICO, LAB], ids=["calico", "lab"])
@pytest.mark.parametrize(
    ("policies", "flow", "expected"), [pytest.param(*c[1:], id=c[0]) for c in CALICO_CASES]
)
def test_calico_decides_as_its_source_says(policies, flow, expected, dialect):
    world = world_with(*policies)
    assert not world.refused

    assert WORDS[decide(world, traffic(world, flow), dialect).allowed] == expected


@pytest.mark.parametrize("dialect", [SPEC, CILIUM], ids=["spec", "cilium"])
def test_elsewhere_these_kinds_are_not_evaluated(dialect):
    world = world_with(np("{}"))

    decision = decide(world, traffic(world, IN), dialect)

    assert decision.allowed is None
    assert [str(other) for other in decision.others] == ["NetworkPolicy.projectcalico.org x/p"]


LABELS = {"app": "web", "tier": "front", "zone": ""}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("", True),
        ("all()", True),
        ("app == 'web'", True),
        ('app=="web"', True),
        ("app != 'web'", False),
        ("gone != 'web'", True),
        ("gone == ''", False),
        ("zone == ''", True),
        ("app in {'api', 'web'}", True),
        ("app in {'api', 'web', }", True),
        ("app in {}", False),
        ("app not in {'web'}", False),
        ("gone notin {'web'}", True),
        ("has(app) && !has(gone)", True),
        ("!has(app) || tier == 'front'", True),
        ("!(has(app) || has(gone))", False),
        ("!!has(app)", True),
        ("has(gone) && has(gone) || has(app)", True),
        ("has(gone) && (has(gone) || has(app))", False),
        ("app contains 'e'", True),
        ("app starts with 'w'", True),
        ("app ends with 'b'", True),
        ("gone starts with ''", False),
    ],
)
def test_selector_selects(text, selects):
    assert parse_calico_selector(text).selects(LABELS) is selects
    spelled = str(parse_calico_selector(text))
    assert parse_calico_selector(spelled).selects(LABELS) is selects


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("app = 'web'", "expected an operator after app at \"= 'web'\""),
        ("app == web", "expected a string in quotes at 'web'"),
        ("app", "an operator after app is missing"),
        ("has(app", ") is missing"),
        ("(has(app)", ") is missing"),
        ("has(app) has(b)", "expected &&, || or the end at 'has(b)'"),
        ("app in 'web'", "expected { at \"'web'\""),
        ("'web' == app", "expected a label of at most 512 characters"),
        ("!" * 200 + "has(app)", "expected at most 100 levels"),
    ],
)
def test_what_is_no_selector_is_told_with_its_place(text, told):
    with pytest.raises(SelectorError, match=re.escape(told)):
        parse_calico_selector(text)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (gnp("{selector: 'app = 1'}"), "spec.selector: not a selector: expected an operator"),
        (gnp("{selector: global()}"), "spec.selector: global() stands alone"),
        (gnp("{types: [Both]}"), "spec.types[0]: must be Ingress or Egress"),
        (np("{namespaceSelector: all()}"), "unknown field 'namespaceSelector'"),
        (ingress("{action: Accept}"), "spec.ingress[0].action: must be one of Allow, Deny"),
        (ingress("{action: Allow, protocol: HTTP}"), "spec.ingress[0].protocol: must be TCP"),
        (
            ingress("{action: Allow, destination: {ports: [80]}}"),
            "spec.ingress[0].destination.ports: needs the protocol",
        ),
        (
            ingress("{action: Allow, source: {nets: [10.0.0.1]}}"),
            "spec.ingress[0].source.nets[0]: not a valid CIDR",
        ),
        (
            ingress("{action: Allow, source: {notNets: [0.0.0.0/0]}}"),
            "spec.ingress[0].source.notNets[0]: nothing lies outside",
        ),
        (ingress("{action: Allow, icmp: {type: 8}}"), "spec.ingress[0].icmp: needs the protocol"),
        (ingress("{action: Deny, http: {methods: [GET]}}"), "spec.ingress[0].http: only in rules"),
        (tier("default", 5), "spec: the tier default must have order 1e+06, defaultAction Deny"),
        (gnp("{doNotTrack: true}"), "spec.doNotTrack: needs applyOnForward"),
    ],
)
def test_what_calico_refuses_has_no_effect_and_is_told_by_its_place(body, told):
    world = world_with(body)

    (refused,) = world.refused
    assert not world.calico_policies
    assert any(told in reason.message for reason in refused.reasons), refused.reasons


GUARD = [
    tier("guard", 10),
    gnp(
        "{tier: guard, order: 5, selector: app == 'a', types: [Ingress], ingress: ["
        "{action: Pass, source: {selector: app == 'b'}}, {action: Deny}]}",
        name="guard",
    ),
]


def causes_of(world, flow):
    found = nearest(world, traffic(world, flow), CALICO)
    return [cause_words(c) for c in found if "ingress" in c.subject]


def test_the_rule_that_denies_is_the_one_cause():
    world = world_with(OPEN_X, *GUARD)

    assert causes_of(world, IN) == [
        "ingress of x/a: GlobalNetworkPolicy guard (GlobalNetworkPolicy guard spec.ingress[1]), "
        "order 5, denies it in the tier guard"
    ]
    (name,) = decide(world, traffic(world, IN), CALICO).prediction.decided_by
    assert (name.kind, name.name) == ("GlobalNetworkPolicy", "guard")


def test_explain_tells_what_the_walk_passed_over():
    world = world_with(OPEN_X, *GUARD)

    explained = explain_flow(
        world, traffic(world, IN), CALICO, without=["GlobalNetworkPolicy guard"]
    )

    (side,) = [s for s in explained.stages if s.title == "ingress of x/a"]
    assert cause_words(side.lines[0]) == (
        "tier guard: GlobalNetworkPolicy guard (GlobalNetworkPolicy guard spec.ingress[0]), "
        "order 5, does not fit: z/a has app=a, not app == 'b'"
    )
    both = (explained.prediction, explained.without)
    assert tuple(map(prediction_words, both)) == ("deny", "allow")


def test_what_a_tier_closes_names_the_policies_that_stand_in_it():
    world = world_with(at(5, "Pass", "first", tier_name="guard"), tier("guard", 10), np("{}"))

    assert causes_of(world, IN) == [
        "ingress of x/a: isolated by CalicoNetworkPolicy x/p (CalicoNetworkPolicy x/p), and none "
        "of its rules allows it"
    ]
