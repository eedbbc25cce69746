"""Cilium's own policies: CiliumNetworkPolicy, its clusterwide kind, and CiliumCIDRGroup."""

from __future__ import annotations

import pytest

from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.causes import nearest
from npol.policy.explain.explain import explain_flow
from npol.policy.lint import lint
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.report.causes import cause_words, prediction_words
from tests.policy.cilium_cases import (
    CILIUM_CASES,
    DENY_Z,
    GETS,
    IN,
    OPEN_X,
    cnp,
    egress,
    ingress,
)
from tests.policy.tier_cases import cluster, rule, rules
from tests.policy.worlds import documents, policy, traffic, without_nodes, world_with

WORDS = {True: "allow", False: "deny", None: "?"}


@pytest.mark.parametrize(
    ("policies", "flow", "expected"), [pytest.param(*c[1:], id=c[0]) for c in CILIUM_CASES]
)
def test_cilium_decides_as_its_source_says(policies, flow, expected):
    world = world_with(*policies)
    assert not world.refused

    assert WORDS[decide(world, traffic(world, flow), CILIUM).allowed] == expected


@pytest.mark.parametrize("dialect", [SPEC, CALICO], ids=["spec", "calico"])
def test_elsewhere_these_kinds_are_not_evaluated(dialect):
    world = world_with(ingress("{fromEndpoints: [{}]}"))

    decision = decide(world, traffic(world, IN), dialect)

    assert decision.allowed is None
    assert [str(other) for other in decision.others] == ["CiliumNetworkPolicy.cilium.io x/p"]


STORY_LINES = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: lines, namespace: x}
specs:
  - endpointSelector: {matchLabels: {app: a}}
    ingress:
      - fromEndpoints: [{matchLabels: {app: b}}]
    ingressDeny:
      - fromEntities: [world]
      - fromEndpoints:
          - matchLabels: {"k8s:io.kubernetes.pod.namespace": z}
"""


def causes_of(world, flow, side="ingress"):
    found = nearest(world, traffic(world, flow), CILIUM)
    return [cause_words(c) for c in found if side in c.subject]


def test_the_rule_that_denies_is_named_with_its_line_before_any_that_allows():
    world = world_with(OPEN_X, *documents(STORY_LINES, "lines.yaml"))

    assert causes_of(world, "z/a -> x/a:80") == [
        "ingress of x/a: CiliumNetworkPolicy x/lines denies it (lines.yaml:11), whatever else "
        "allows it"
    ]
    prediction = decide(world, traffic(world, "z/a -> x/a:80"), CILIUM).prediction
    (name,) = prediction.decided_by
    assert (name.kind, name.namespace, name.name) == ("CiliumNetworkPolicy", "x", "lines")


def test_without_a_deny_the_rule_that_allows_is_named():
    world = world_with(*documents(STORY_LINES, "lines.yaml"))

    assert causes_of(world, "x/b -> x/a:80") == [
        "ingress of x/a: CiliumNetworkPolicy x/lines allows it (lines.yaml:8)"
    ]


def test_what_does_not_fit_is_told_with_the_labels_that_were_asked_for():
    world = world_with(ingress("{fromEndpoints: [{matchLabels: {app: a}}]}"))

    assert causes_of(world, "z/a -> x/a:80")[0] == (
        "ingress of x/a: CiliumNetworkPolicy x/p (CiliumNetworkPolicy x/p "
        "spec.ingress[0].fromEndpoints[0]) does not fit: z/a has app=a,"
        "io.kubernetes.pod.namespace=z, not app=a,io.kubernetes.pod.namespace=x"
    )


def test_a_rule_of_l7_is_named_where_it_leaves_the_answer_open():
    world = world_with(GETS)

    assert causes_of(world, IN) == [
        "ingress of x/a: CiliumNetworkPolicy x/p (CiliumNetworkPolicy x/p "
        "spec.ingress[0].toPorts[0].ports[0]) may or may not fit: CiliumNetworkPolicy x/p "
        "(CiliumNetworkPolicy x/p spec.ingress[0].toPorts[0].ports[0]) goes by rules.http, which "
        "no packet of L3/L4 shows"
    ]


def test_a_rule_by_names_is_named_where_the_tier_behind_it_may_decide():
    baseline = cluster(
        "b", "Baseline", egress=rules(rule("Deny", "{networks: [0.0.0.0/0]}", to=True))
    )
    named = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: x}
spec:
  endpointSelector: {}
  enableDefaultDeny: {egress: false}
  egress:
    - toFQDNs: [{matchName: example.org}]
"""
    world = world_with(baseline, *documents(named, "names.yaml"))

    assert causes_of(world, "x/a -> outside:80", "egress") == [
        "egress of x/a: CiliumNetworkPolicy x/names (names.yaml:9) may or may not fit: "
        "CiliumNetworkPolicy x/names (names.yaml:9) names example.org, whose addresses are up to "
        "DNS"
    ]


def test_a_pod_of_which_no_node_is_known_may_be_reached_from_its_own():
    closed = world_with(ingress("{fromEndpoints: [{}]}"))
    denied = world_with(ingress("{fromEntities: [all]}", deny=True))
    answers = {}
    for name, world in (("closed", closed), ("denied", denied)):
        adrift = without_nodes(world)
        answers[name] = decide(adrift, traffic(adrift, "z/host -> x/a:80"), CILIUM).allowed

    assert answers == {"closed": None, "denied": False}


def test_the_deciding_rule_is_the_one_whose_removal_changes_the_answer():
    world = world_with(OPEN_X, DENY_Z)

    explained = explain_flow(world, traffic(world, IN), CILIUM, without=["CiliumNetworkPolicy x/d"])

    both = (explained.prediction, explained.without)
    assert tuple(map(prediction_words, both)) == ("deny", "allow")


def test_a_policy_of_the_same_name_beside_it_is_not_taken_for_it():
    plain = policy("p", "{podSelector: {}, policyTypes: [Egress]}")
    world = world_with(plain, ingress("{}"))

    explained = explain_flow(world, traffic(world, IN), CILIUM)

    assert explained.notes == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(cnp("p", "{endpointSelector: {}}"), "needs a rule in one of", id="no-rules"),
        pytest.param(cnp("p", "{ingress: [{}]}"), "needs exactly one of endpoint", id="no-subject"),
        pytest.param(
            cnp("p", "{nodeSelector: {}, ingress: [{}]}"),
            "spec.nodeSelector: only a CiliumClusterwideNetworkPolicy",
            id="node-selector-in-a-namespace",
        ),
        pytest.param(
            egress("{toEndpoints: [{}], toCIDR: [10.0.0.0/8]}"),
            "spec.egress[0]: Cilium does not combine toEndpoints and toCIDR",
            id="two-sorts-of-peers",
        ),
        pytest.param(
            ingress("{fromRequires: [{matchLabels: {app: a}}]}"),
            "spec.ingress[0].fromRequires: Cilium has it no more",
            id="requires",
        ),
        pytest.param(
            ingress("{toPorts: [{ports: [{port: 80}]}]}"),
            "spec.ingress[0].toPorts[0].ports[0].port: must be a string, not 80",
            id="port-is-a-number",
        ),
        pytest.param(
            ingress("{fromEntities: [cluster, pods]}"),
            "spec.ingress[0].fromEntities[1]: must be one of all, world",
            id="entity",
        ),
        pytest.param(
            egress("{toCIDR: [10.0.0.1]}"), "spec.egress[0].toCIDR[0]: not a valid CIDR", id="cidr"
        ),
        pytest.param(
            egress("{toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]}"),
            "spec.egress[0].toCIDRSet[0].except[0]: 11.0.0.0/8 is not within 10.0.0.0/8",
            id="except",
        ),
        pytest.param(
            ingress("{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*'}]}}]}"),
            "rules.dns: DNS rules are for egress only",
            id="dns-ingress",
        ),
        pytest.param(
            ingress("{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: '1'}]}]}"),
            "spec.ingress[0].icmps: not beside toPorts",
            id="icmps-and-ports",
        ),
        pytest.param(
            ingress("{fromEndpoint: [{}]}"),
            "unknown field 'fromEndpoint'",
            id="unknown-field",
        ),
    ],
)
def test_what_cilium_refuses_has_no_effect_and_is_told_by_its_place(body, told):
    world = world_with(body)

    (refused,) = world.refused
    assert not world.cilium_policies
    assert any(told in reason.message for reason in refused.reasons), refused.reasons


SHADOWED = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: allow, namespace: x}
spec:
  endpointSelector: {matchLabels: {app: a}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: b}}]
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: deny}
spec:
  endpointSelector: {}
  ingressDeny:
    - fromEntities: [all]
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(SHADOWED, [("NP063", 8)], id="a-deny-of-the-whole-cluster"),
        pytest.param(SHADOWED.replace("[all]", "[world]"), [], id="a-deny-of-others"),
        pytest.param(SHADOWED.replace("app: a", "app: none"), [("NP010", 6)], id="no-pod"),
        pytest.param(SHADOWED.replace("fromEntities", "fromEntity"), [("NP003", 16)], id="refused"),
    ],
)
def test_the_lint_says_what_a_deny_leaves_nothing_of(text, told):
    found = lint(documents(text, "own.yaml"), world_with(), CILIUM)

    assert [(f.id, f.at.line) for f in found if f.id != "NP001"] == told
