"""What the page of record takes from policies: the fullest step, labels, flows by their rules."""

from __future__ import annotations

from npol.policy.explain.label_requirements import label_needs
from npol.policy.simulate.simulated_steps import SimulatedStep, fullest
from npol.policy.state.apply_changes import build


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
