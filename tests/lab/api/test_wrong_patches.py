"""Patches whose values do not fit: the words of kube-apiserver 1.33.13, asked by hand."""

import json
from typing import Any

import pytest

DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx"}]},
        },
    },
}
POLICY = {"metadata": {"name": "web"}, "spec": {"podSelector": {}}}
STRATEGIC = [
    ({"spec": {"replicas": "x"}}, "unrecognized type: int32"),
    ({"spec": {"paused": "x"}}, "unrecognized type: bool"),
    ({"spec": {"selector": "x"}}, "cannot restore struct from: string"),
    ({"spec": {"template": {"spec": {"containers": "x"}}}}, "cannot restore slice from string"),
    ({"metadata": {"labels": {"a": 1}}}, "cannot convert int64 to string"),
]


@pytest.fixture(scope="module")
def there(cluster):
    """Paths of a Deployment and a NetworkPolicy."""
    paths = {}
    cluster.namespace("patched")
    for group, plural, body in (
        ("apps", "deployments", DEPLOYMENT),
        ("networking.k8s.io", "networkpolicies", POLICY),
    ):
        path = f"/apis/{group}/v1/namespaces/patched/{plural}"
        assert cluster.request("POST", path, body).code == 201
        paths[plural] = f"{path}/web"
    return paths


def refused(cluster, path, patch, kind):
    answer = cluster.request("PATCH", path, patch, type=f"application/{kind}+json")
    (cause,) = answer.json["details"]["causes"]
    return answer.code, answer.json["reason"], cause["field"], cause["message"]


@pytest.mark.parametrize(("patch", "why"), STRATEGIC, ids=lambda v: v if isinstance(v, str) else "")
def test_a_strategic_patch_is_refused_in_the_words_of_its_converter(cluster, there, patch, why):
    code, reason, field, message = refused(
        cluster, there["deployments"], patch, "strategic-merge-patch"
    )
    assert (code, reason, field) == (422, "Invalid", "patch")
    assert message.endswith(f": {why}")
    assert message.startswith('Invalid value: "map[')


def test_a_port_of_a_policy_has_a_reader_of_its_own(cluster, there):
    patch = {"spec": {"ingress": [{"ports": [{"port": True}]}]}}
    message = refused(cluster, there["networkpolicies"], patch, "strategic-merge-patch")[3]
    assert message.endswith(": json: cannot unmarshal bool into Go value of type int32")


@pytest.mark.parametrize("kind", ["merge-patch", "json-patch"])
def test_other_patches_show_the_whole_object_and_the_decoders_words(cluster, there, kind):
    patch: Any = {"spec": {"policyTypes": "Ingress"}}
    if kind == "json-patch":
        patch = [{"op": "add", "path": "/spec/policyTypes", "value": "Ingress"}]
    code, reason, field, message = refused(cluster, there["networkpolicies"], patch, kind)
    assert (code, reason, field) == (422, "Invalid", "patch")
    assert json.dumps("Ingress")[1:-1] in message
    assert "json: cannot unmarshal string into Go struct field NetworkPolicySpec.spec" in message
