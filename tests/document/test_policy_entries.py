"""What the page of record takes from policies: the fullest step, labels, flows by their rules."""

from __future__ import annotations

import pytest

from npol.document.policy_entries import policy_entries
from npol.policy.explain.label_requirements import label_needs
from npol.policy.objects.dialects import CALICO, CILIUM
from npol.policy.simulate.simulated_steps import SimulatedStep, fullest
from npol.policy.state.apply_changes import build
from npol.report.described_policy import line_words
from tests.policy.calico_cases import gnp, tier
from tests.policy.cilium_cases import cnp, on_a
from tests.policy.tier_cases import BLUE, TCP_80, cluster, rule, rules
from tests.policy.worlds import world_with


def policy(name, selector=None, peers=()):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": selector} if selector else {},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": list(peers)}] if peers else [],
        },
    }


def pod(name, labels, namespace="shop"):
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}}


def test_the_fullest_step_is_the_last_of_those_with_most_policies():
    counts = (0, 1, 2, 2, 1, 0)
    told = [
        SimulatedStep(step=str(n), world=build([policy(f"p{i}") for i in range(count)]))
        for n, count in enumerate(counts)
    ]
    assert fullest(told).step == "3"


def test_a_label_that_several_policies_need_is_listed_once():
    peer = {"podSelector": {"matchLabels": {"app": "web"}}}
    world = build(
        [
            pod("web", {"app": "web"}),
            policy("one", {"app": "web"}),
            policy("two", peers=[peer]),
            policy("three", {"app": "gone"}),
        ]
    )

    found = {(n.pods_in, n.labels): n for n in label_needs(world)}

    assert list(found) == [("shop", "app=gone"), ("shop", "app=web")]
    assert found["shop", "app=gone"].carried_by == ()
    assert found["shop", "app=web"].carried_by == ("pod/web",)
    assert len(found["shop", "app=web"].needed_by) == 2


def test_pods_of_namespaces_that_are_not_there_have_no_carrier():
    peer = {
        "namespaceSelector": {"matchLabels": {"name": "nowhere"}},
        "podSelector": {"matchLabels": {"app": "x"}},
    }
    found = label_needs(build([pod("web", {"app": "x"}), policy("p", peers=[peer])]))

    assert [(n.pods_in, n.labels, n.carried_by) for n in found] == [
        (None, "name=nowhere", ()),
        ("", "app=x", ()),
    ]


@pytest.mark.parametrize(
    ("own", "dialect", "lines"),
    [
        pytest.param(
            cluster("guard", ingress=rules(rule("Pass", BLUE, TCP_80), rule("Deny"))),
            CALICO,
            [
                "ClusterNetworkPolicy guard stands in tier Admin (priority 10) and selects "
                "pod/a, pod/b, pod/c",
                "ingress: Pass from every pod in namespaces with team=blue, on TCP 80",
                "ingress: Deny from every pod in every namespace, on every port",
            ],
            id="tiers",
        ),
        pytest.param(
            gnp(
                "{tier: t, order: 5, selector: app == 'a', egress: [{action: Allow, protocol: TCP, "
                "destination: {selector: app == 'b', notNets: [10.0.0.0/8], ports: [80]}}]}"
            ),
            CALICO,
            [
                "GlobalNetworkPolicy p stands in tier t (order 5) and selects pod/a",
                "egress: Allow to what app == 'b' selects and to addresses but 10.0.0.0/8, on 80",
            ],
            id="calico",
        ),
        pytest.param(
            cnp(
                "p", on_a("ingress: [{fromEntities: [world]}], ingressDeny: [{fromEndpoints: []}]")
            ),
            CILIUM,
            [
                "CiliumNetworkPolicy x/p selects pod/a",
                "it isolates them for ingress, but for 1 rule:",
                "ingress: Deny from nobody, on every port",
                "ingress: Allow from the entity world, on every port",
            ],
            id="cilium",
        ),
    ],
)
def test_policies_of_every_kind_stand_on_the_page(own, dialect, lines):
    world = world_with(tier("t", 5), own)

    (entry,) = policy_entries(world, dialect)

    assert [line_words(line) for line in entry.lines] == lines
