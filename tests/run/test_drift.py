"""Policies of every kind are compared whole with what is in the cluster; other objects are not."""

import copy

import pytest

from npol.run.checks.drift import differences, spell_path

CILIUM = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "web", "namespace": "shop"},
}
CALICO = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "GlobalNetworkPolicy",
    "metadata": {"name": "web"},
}
OF_NAMESPACE = {**CALICO, "kind": "NetworkPolicy", "metadata": {"name": "web", "namespace": "shop"}}
ADMIN = {
    "apiVersion": "policy.networking.k8s.io/v1alpha1",
    "kind": "AdminNetworkPolicy",
    "metadata": {"name": "web"},
}
CLUSTER = {
    **ADMIN,
    "apiVersion": "policy.networking.k8s.io/v1alpha2",
    "kind": "ClusterNetworkPolicy",
}
ANTREA = {**ADMIN, "apiVersion": "crd.antrea.io/v1beta1", "kind": "ClusterNetworkPolicy"}
ALL = {"namespaces": {}}
RULE = {"action": "Allow", "protocol": "TCP"}
OPEN = {"selector": "all()", "types": ["Ingress"], "ingress": [RULE]}
ONE_PORT = {"ports": [{"portNumber": {"protocol": "TCP", "port": 80}}]}


def paths(head, mine, theirs):
    """Where a live object with these sections is not as its manifest with those."""
    manifest, live = copy.deepcopy({**head, **mine}), copy.deepcopy({**head, **theirs})
    return [spell_path(path) for path, _, _ in differences(manifest, live)]


@pytest.mark.parametrize(
    ("head", "mine", "theirs", "where"),
    [
        pytest.param(
            CILIUM,
            {"endpointSelector": {}, "ingress": [{}]},
            {"endpointSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]},
            ["spec.endpointSelector.matchLabels"],
            id="cilium-narrower-subject",
        ),
        pytest.param(
            CILIUM,
            {"endpointSelector": {}, "ingress": [{}]},
            {"endpointSelector": {}, "ingress": [{"fromEntities": ["world"]}]},
            ["spec.ingress[0].fromEntities"],
            id="cilium-an-empty-rule-is-no-pattern",
        ),
        pytest.param(
            CILIUM,
            {"endpointSelector": {}, "ingress": [{}]},
            {"endpointSelector": {}, "ingress": [{}], "egress": [{"toEntities": ["all"]}]},
            ["spec.egress"],
            id="cilium-a-direction-too-many",
        ),
        pytest.param(
            CALICO,
            OPEN,
            {**OPEN, "ingress": [{**RULE, "source": {"nets": ["0.0.0.0/0"]}}]},
            ["spec.ingress[0].source"],
            id="calico-a-source-too-many",
        ),
        pytest.param(
            CALICO,
            OPEN,
            {**OPEN, "order": 1, "egress": [{"action": "Allow"}]},
            ["spec.order", "spec.egress"],
            id="calico-order-and-egress",
        ),
        pytest.param(
            CALICO,
            OPEN,
            {**OPEN, "applyOnForward": True},
            ["spec.applyOnForward"],
            id="calico-flag",
        ),
        pytest.param(
            OF_NAMESPACE,
            {"ingress": [RULE]},
            {"ingress": [RULE], "selector": "has(app)", "types": ["Ingress", "Egress"]},
            ["spec.types[0]", "spec.types[1]", "spec.selector"],
            id="calicos-network-policy-is-its-own-kind",
        ),
        pytest.param(
            {**CALICO, "kind": "Tier"},
            {"order": 5},
            {"order": 5, "defaultAction": "Pass"},
            ["spec.defaultAction"],
            id="a-tier",
        ),
        pytest.param(
            {**CALICO, "kind": "GlobalNetworkSet"},
            {},
            {"nets": ["0.0.0.0/0"]},
            ["spec.nets"],
            id="a-set",
        ),
        pytest.param(
            ADMIN,
            {"priority": 1, "subject": ALL},
            {"priority": 1, "subject": ALL, "ingress": [{"action": "Allow", "from": [ALL]}]},
            ["spec.ingress"],
            id="a-rule-too-many-in-a-tier",
        ),
        pytest.param(
            CLUSTER,
            {"tier": "Admin", "subject": ALL},
            {"tier": "Admin", "subject": {"namespaces": {"matchLabels": {"app": "web"}}}},
            ["spec.subject.namespaces.matchLabels"],
            id="a-narrower-subject-in-a-tier",
        ),
        pytest.param(
            ANTREA,
            {"priority": 5, "ingress": [{"action": "Drop"}]},
            {"priority": 5, "ingress": [{"action": "Drop"}, {"action": "Allow"}]},
            ["spec.ingress[1]"],
            id="a-kind-that-is-not-evaluated",
        ),
    ],
)
def test_what_a_live_policy_says_besides_is_drift(head, mine, theirs, where):
    assert paths(head, {"spec": mine}, {"spec": theirs}) == where


def test_what_stands_in_specs_is_compared_whole():
    one = {"endpointSelector": {}, "ingress": [{}]}
    other = {**one, "egress": [{}]}

    assert paths(CILIUM, {"specs": [one]}, {"specs": [other]}) == ["specs[0].egress"]
    assert paths(CILIUM, {"spec": one}, {"spec": one, "specs": [other]}) == ["specs"]
    assert paths(CILIUM, {"specs": [one, other]}, {"specs": [one, other]}) == []


@pytest.mark.parametrize(
    ("head", "mine", "theirs"),
    [
        pytest.param(
            CALICO,
            {"ingress": [RULE]},
            {
                "tier": "default",
                "types": ["Ingress"],
                "ingress": [{**RULE, "source": {}, "destination": {}}],
            },
            id="calico",
        ),
        pytest.param(
            OF_NAMESPACE,
            {
                "selector": "",
                "order": 5,
                "ingress": [],
                "egress": [{**RULE, "destination": {"ports": ["80", "90:99"]}}],
            },
            {
                "tier": "default",
                "order": 5.0,
                "types": ["Egress"],
                "egress": [{**RULE, "destination": {"ports": [80, "90:99"]}}],
            },
            id="calico-as-its-server-writes-it",
        ),
        pytest.param(
            {**CALICO, "kind": "Tier"},
            {"order": 5},
            {"order": 5, "defaultAction": "Deny"},
            id="tier",
        ),
        pytest.param(
            ADMIN,
            {"egress": [{"ports": [{"portNumber": {"port": 80}}]}]},
            {"egress": [ONE_PORT]},
            id="tiered",
        ),
        pytest.param(
            CILIUM,
            {"ingress": [{"icmps": [{"fields": [{"type": 8}]}]}]},
            {"ingress": [{"icmps": [{"fields": [{"type": 8, "family": "IPv4"}]}]}]},
            id="cilium",
        ),
        pytest.param(
            ANTREA,
            {"ingress": [{"action": "Drop"}]},
            {
                "tier": "application",
                "ingress": [{"action": "Drop", "name": "ingress-drop-1a2b3c4"}],
            },
            id="antrea",
        ),
    ],
)
def test_what_api_servers_fill_in_is_no_drift(head, mine, theirs):
    assert paths(head, {"spec": mine}, {"spec": theirs}) == []


def test_a_manifest_that_is_not_in_the_shape_of_its_kind_differs():
    assert paths(CILIUM, {"spec": "all"}, {"spec": {"endpointSelector": {}}})
    assert paths(CALICO, {"spec": {"ingress": "all"}}, {"spec": OPEN})


def test_of_objects_that_are_no_policies_only_what_the_manifest_names_is_compared():
    head = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    live = {"spec": {"selector": {"app": "web"}, "clusterIP": "10.96.0.1", "ports": [{"port": 80}]}}

    assert paths(head, {"spec": {"selector": {"app": "web"}}}, live) == []
    assert paths(head, {"spec": {"selector": {"app": "api"}}}, live) == ["spec.selector.app"]
