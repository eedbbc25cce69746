"""Policies before and behind NetworkPolicies: ClusterNetworkPolicy and the kinds before it."""

from __future__ import annotations

import pytest

from npol.model.doubt import DoubtCode
from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.causes import nearest
from npol.policy.explain.explain import explain_flow
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import matrix
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.report.causes import cause_words, fact_words, prediction_words
from tests.policy.corner_cases import DENY_IN
from tests.policy.tier_cases import (
    BLUE,
    DENY_ALL,
    OPEN_X,
    TCP_80,
    TIER_CASES,
    cluster,
    rule,
    rules,
)
from tests.policy.worlds import answers, by_dialect, traffic, world_with


@pytest.mark.parametrize(
    ("policies", "flow", "expected"), [pytest.param(*c[1:], id=c[0]) for c in TIER_CASES]
)
def test_tiers_decide_as_the_source_says(policies, flow, expected):
    world = world_with(*policies)
    assert not world.refused

    assert answers(world, traffic(world, flow)) == by_dialect(expected)


GUARD = cluster(
    "guard", ingress=rules(rule("Pass", "{namespaces: {matchLabels: {team: green}}}"), rule("Deny"))
)


def test_a_denied_flow_names_the_rule_of_the_tier_and_no_other_policy():
    world = world_with(OPEN_X, GUARD)

    (cause,) = [
        c for c in nearest(world, traffic(world, "z/a -> x/a:80")) if "ingress" in c.subject
    ]

    assert cause_words(cause) == (
        "ingress of x/a: ClusterNetworkPolicy guard (ClusterNetworkPolicy guard spec.ingress[1]), "
        "priority 10, denies it before NetworkPolicies are asked"
    )


def test_the_prediction_is_decided_by_the_policy_of_the_tier():
    world = world_with(OPEN_X, GUARD)

    prediction = decide(world, traffic(world, "z/a -> x/a:80")).prediction

    assert [str(name) for name in prediction.decided_by] == ["ClusterNetworkPolicy guard"]
    assert prediction.decided_by[0].is_called("guard")


def test_the_deciding_rule_is_the_one_whose_removal_changes_the_answer():
    world = world_with(OPEN_X, GUARD)
    asked = traffic(world, "z/a -> x/a:80")

    explained = explain_flow(world, asked, without=["ClusterNetworkPolicy guard"])

    both = (explained.prediction, explained.without)
    assert tuple(map(prediction_words, both)) == ("deny", "allow")


def test_explain_tells_what_the_walk_passed_over():
    world = world_with(OPEN_X, GUARD)

    explained = explain_flow(world, traffic(world, "z/a -> x/a:80"))

    (ingress,) = [s for s in explained.stages if s.title == "ingress of x/a"]
    assert fact_words(ingress.lines[0].what) == (
        "tier Admin: ClusterNetworkPolicy guard (ClusterNetworkPolicy guard spec.ingress[0]), "
        "priority 10, does not fit: namespace z has team=blue,kubernetes.io/metadata.name=z, "
        "not team=green"
    )


ACCEPT_80 = cluster("late", "Baseline", ingress=rules(rule("Accept", more=TCP_80)))


def test_an_accept_behind_policies_that_isolate_is_the_cause_where_the_plugin_asks_for_it():
    world = world_with(DENY_IN, ACCEPT_80)
    asked = traffic(world, "z/a -> x/a:80")

    (cause,) = [c for c in nearest(world, asked, CILIUM) if "ingress" in c.subject]

    assert cause_words(cause) == (
        "ingress of x/a: ClusterNetworkPolicy late (ClusterNetworkPolicy late spec.ingress[0]), "
        "priority 10, accepts it although NetworkPolicies isolate it and do not let it through: "
        "this network plugin asks the Baseline tier all the same"
    )
    decided_by = decide(world, asked, CILIUM).prediction.decided_by
    assert [str(name) for name in decided_by] == ["ClusterNetworkPolicy late"]


def test_what_baseline_does_not_accept_stays_closed_by_the_policies_that_isolate():
    world = world_with(DENY_IN, ACCEPT_80)

    found = decide(world, traffic(world, "z/a -> x/a:81"), CILIUM)

    assert [str(name) for name in found.prediction.decided_by] == ["x/deny-in"]


def test_a_pod_that_reaches_itself_by_its_service_is_left_open_before_every_tier():
    world = world_with(cluster("b", "Baseline", ingress=DENY_ALL))
    asked = traffic(world, "x/a -> svc x/self:8080")

    assert decide(world, asked).why_unknown.code is DoubtCode.ITSELF_BY_SERVICE
    assert [decide(world, asked, d).allowed for d in (CALICO, CILIUM)] == [False, True]


def test_a_priority_tie_is_said_to_be_undefined():
    world = world_with(
        cluster("one", ingress=rules(rule("Accept"))), cluster("two", ingress=DENY_ALL)
    )

    prediction = decide(world, traffic(world, "z/a -> x/a:80")).prediction

    assert prediction_words(prediction) == (
        "unknown: ClusterNetworkPolicy one and ClusterNetworkPolicy two share priority 10: "
        "which comes first is undefined"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tier": "Middle"}, "spec.tier: must be Admin or Baseline, not 'Middle'"),
        ({"priority": 1001}, "spec.priority: must be a number from 0 to 1000, not 1001"),
        ({"priority": True}, "spec.priority: must be a number from 0 to 1000, not True"),
        ({"subject": {}}, "spec.subject: needs exactly one of namespaces, pods"),
        (
            {"subject": {"pods": {"podSelector": {}}}},
            "spec.subject.pods.namespaceSelector: is required ({} selects all)",
        ),
        (
            {"ingress": [{"action": "Allow", "from": [{"namespaces": {}}]}]},
            "spec.ingress[0].action: must be one of Accept, Deny, Pass, not 'Allow'",
        ),
        (
            {"ingress": [{"action": "Deny", "from": []}]},
            "spec.ingress[0].from: needs at least one peer",
        ),
        (
            {"ingress": [{"action": "Deny", "from": [{"networks": ["10.0.0.0/8"]}]}]},
            "spec.ingress[0].from[0].networks: unknown field 'networks'",
        ),
        (
            {"egress": [{"action": "Deny", "to": [{"networks": ["ten"]}]}]},
            "spec.egress[0].to[0].networks[0]: not a valid address range: 'ten' "
            "(such as 10.0.0.0/8)",
        ),
        (
            {"egress": [{"action": "Deny", "to": [{"networks": []}]}]},
            "spec.egress[0].to[0].networks: needs at least one range",
        ),
        (
            {"egress": [{"action": "Deny", "to": [{"domainNames": []}]}]},
            "spec.egress[0].to[0].domainNames: needs at least one name",
        ),
        (
            {"egress": [{"action": "Deny", "to": [{"nodes": None}]}]},
            "spec.egress[0].to[0]: needs exactly one of namespaces, pods, nodes, networks, "
            "domainNames",
        ),
        (
            {
                "egress": [
                    {
                        "action": "Deny",
                        "to": [{"namespaces": {}}, {"nodes": {}}],
                        "protocols": [{"destinationNamedPort": "web"}],
                    }
                ]
            },
            "spec.egress[0]: only pods have named ports: none beside nodes, networks, domainNames",
        ),
        ({"subject": {"namespaces": None}}, "spec.subject: needs exactly one of namespaces, pods"),
        (
            {"ingress": [{"action": "Deny", "from": [{"namespaces": {}}], "protocols": []}]},
            "spec.ingress[0].protocols: needs at least one protocol",
        ),
        (
            {
                "ingress": [
                    {
                        "action": "Deny",
                        "from": [{"namespaces": {}}],
                        "protocols": [
                            {"tcp": {"destinationPort": {"range": {"start": 9, "end": 9}}}}
                        ],
                    }
                ]
            },
            "spec.ingress[0].protocols[0].tcp.destinationPort.range: start must be less than end",
        ),
    ],
)
def test_what_the_definition_refuses_has_no_effect_and_is_told(change, message):
    wrong = cluster("wrong", ingress=DENY_ALL)
    wrong = {**wrong, "spec": {**wrong["spec"], **change}}

    world = world_with(wrong)

    told = [m.message for refused in world.refused for m in refused.reasons]
    assert message in told
    assert decide(world, traffic(world, "z/a -> x/a:80")).allowed


@pytest.mark.parametrize(("dialect", "open_"), [(SPEC, False), (CILIUM, True)])
def test_the_matrix_asks_baseline_behind_policies_that_isolate_as_the_plugin_does(dialect, open_):
    world = world_with(DENY_IN, ACCEPT_80)
    found = matrix(world, dialect, ports=[Port(80), Port(81)])
    ends = world.pod("z", "a"), world.pod("x", "a")

    assert [found.answer(*ends, Port(number)) for number in (80, 81)] == [open_, False]


def test_the_matrix_knows_the_tiers():
    world = world_with(cluster("blue", ingress=rules(rule("Deny", BLUE))))

    found = matrix(world, ports=[Port(80)])

    blue, red = world.pod("z", "a"), world.pod("x", "b")
    assert found.answer(blue, world.pod("x", "a"), Port(80)) is False
    assert found.answer(red, world.pod("x", "a"), Port(80)) is True
