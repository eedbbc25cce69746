"""The corner cases of NetworkPolicy, one by one; docs/semantics.md names the source of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npol.policy.evaluate.evaluate import decide, evaluate
from npol.policy.objects.dialects import CALICO, CILIUM, LAB, SPEC
from npol.report.causes import prediction_words
from tests.policy.calico_cases import CALICO_CASES
from tests.policy.cilium_cases import CILIUM_CASES
from tests.policy.corner_cases import ALL_IN, CASES, into_x
from tests.policy.tier_cases import TIER_CASES
from tests.policy.worlds import answers, by_dialect, policy, traffic, world_with


@pytest.mark.parametrize(
    ("policies", "flow", "expected"), [pytest.param(*c[1:], id=c[0]) for c in CASES]
)
def test_corner_case_is_decided_as_the_source_says(policies, flow, expected):
    world = world_with(*policies)
    assert not world.refused
    text, _, family = flow.partition(" v")

    assert answers(world, traffic(world, text, int(family or 4))) == by_dialect(expected)


@pytest.mark.parametrize(
    ("prefix", "cases"),
    [
        ("(?!tier-|cilium-|calico-)", CASES),
        ("tier-", TIER_CASES),
        ("cilium-", CILIUM_CASES),
        ("calico-", CALICO_CASES),
    ],
    ids=["corner", "tier", "cilium", "calico"],
)
def test_every_case_stands_in_the_documentation_with_its_source(prefix, cases):
    text = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text()
    documented = re.findall(rf"^\| `({prefix}[a-z0-9-]+)` \|", text, re.M)

    assert documented == [c[0] for c in cases]


@pytest.mark.parametrize(
    ("rule", "differs"), [(ALL_IN, True), ("{from: [{namespaceSelector: {}}]}", False)]
)
def test_decision_says_whether_engines_differ_by_design(rule, differs):
    world = world_with(into_x(rule))

    decision = evaluate(world, traffic(world, "z/a -> x/a:80"), CALICO)

    assert prediction_words(decision.prediction) == "allow"
    assert decision.depends_on_dialect is differs


def test_named_port_of_a_host_network_pod_is_unknown_where_it_was_not_measured():
    world = world_with(policy("p", "{policyTypes: [Egress], egress: [{ports: [{port: web}]}]}"))
    asked = traffic(world, "x/a -> z/far:80")
    why = "whether a port of a pod on the host's network is known by its name is undefined"

    predicted = {
        d.name: prediction_words(decide(world, asked, d).prediction)
        for d in (SPEC, CALICO, CILIUM, LAB)
    }

    assert predicted == {
        "spec": f"unknown: {why}",
        "calico": f"unknown: {why}, and was not measured on calico",
        "cilium": "deny",
        "npol-lab": "deny",
    }


def test_other_policy_kinds_make_a_prediction_unknown_where_they_may_select():
    calico = {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "c", "namespace": "x"},
        "spec": {"selector": "all()"},
    }
    world = world_with(calico)

    touched = evaluate(world, traffic(world, "z/a -> x/a:80"))
    elsewhere = evaluate(world, traffic(world, "z/a -> z/host:80"))

    assert prediction_words(touched.prediction) == (
        "unknown: not evaluated: NetworkPolicy.crd.projectcalico.org x/c"
    )
    assert prediction_words(elsewhere.prediction) == "allow"


def test_admin_policy_with_a_subject_elsewhere_leaves_the_prediction():
    admin = {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "admin"},
        "spec": {"subject": {"namespaces": {"matchLabels": {"team": "green"}}}},
    }
    world = world_with(admin)

    assert prediction_words(evaluate(world, traffic(world, "z/a -> x/a:80")).prediction) == "allow"


def test_policy_that_the_api_server_refuses_has_no_effect():
    refused = policy("p", "{ingress: [{from: [{}]}]}")
    world = world_with(refused)

    assert [m.message for m in world.refused[0].reasons] == [
        "spec.ingress[0].from[0]: Required value: must specify a peer"
    ]
    assert decide(world, traffic(world, "z/a -> x/a:80")).allowed
