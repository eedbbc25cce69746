"""CustomResourceDefinitions bring kinds whose objects are data, held to their schema."""

from __future__ import annotations

from typing import Any

import pytest

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "parts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def definition(plural="widgets", kind="Widget", **version):
    return {
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]]},
            "versions": [{"name": "v1", "served": True, "storage": True, **version}],
        },
    }


@pytest.fixture(scope="module", autouse=True)
def widgets(cluster):
    schema = {"schema": {"openAPIV3Schema": SCHEMA}, "subresources": {"status": {}}}
    body = definition(**schema, additionalPrinterColumns=COLUMNS)
    assert cluster.request("POST", DEFINITIONS, body).code == 201


def widget(name, **spec):
    head = {"apiVersion": "example.com/v1", "kind": "Widget"}
    return {**head, "metadata": {"name": name}, "spec": spec}


def test_a_definition_is_established_at_once(cluster):
    found = cluster.request("GET", f"{DEFINITIONS}/widgets.example.com").json
    conditions = {c["type"]: c["status"] for c in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_the_kind_of_a_definition_is_discovered(cluster):
    found = cluster.request("GET", "/apis/example.com/v1").json["resources"]
    assert [r["name"] for r in found] == ["widgets", "widgets/status"]
    document = cluster.request("GET", "/openapi/v3/apis/example.com/v1").json
    assert "com.example.v1.Widget" in document["components"]["schemas"]


def test_objects_get_defaults_and_lose_what_the_schema_lacks(cluster):
    given = widget("defaults", size=1, unknown=True, free={"any": [1]}, parts=[])
    spec = cluster.request("POST", WIDGETS, given).json["spec"]
    assert spec == {"size": 1, "colour": "red", "free": {"any": [1]}, "parts": []}


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"size": "x"}, "spec.size", 'must be of type integer: "string"'),
        ({"size": 0}, "spec.size", "should be greater than or equal to 1"),
        ({"size": 1, "colour": "green"}, "spec.colour", 'supported values: "red", "blue"'),
        ({}, "spec.size", "Required value"),
        ({"size": 1, "parts": {}}, "spec.parts", 'must be of type array: "object"'),
    ],
)
def test_objects_are_held_to_their_schema(cluster, spec, field, message):
    answer = cluster.request("POST", WIDGETS, widget("wrong", **spec))
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    cause = answer.json["details"]["causes"][0]
    assert (cause["field"], message in cause["message"]) == (field, True)


def test_status_and_specification_are_apart(cluster):
    cluster.request("POST", WIDGETS, widget("apart", size=1))
    both: dict[str, Any] = {"spec": {"size": 2}, "status": {"phase": "Fine"}}
    whole = cluster.request("PATCH", f"{WIDGETS}/apart", both, type=MERGE).json
    assert (whole["spec"]["size"], "status" in whole) == (2, False)
    both["spec"]["size"] = 3
    status = cluster.request("PATCH", f"{WIDGETS}/apart/status", both, type=MERGE).json
    assert (status["spec"]["size"], status["status"]) == (2, {"phase": "Fine"})


def test_lists_with_keys_merge_when_applied(cluster):
    for manager, part in (("a", "x"), ("b", "y")):
        body = widget("applied", size=1, parts=[{"name": part}])
        path = f"{WIDGETS}/applied?fieldManager={manager}"
        assert cluster.request("PATCH", path, body, type=APPLY).code in (200, 201)
    spec = cluster.request("GET", f"{WIDGETS}/applied").json["spec"]
    assert [p["name"] for p in spec["parts"]] == ["x", "y"]


def test_a_strategic_patch_is_not_for_custom_resources(cluster):
    cluster.request("POST", WIDGETS, widget("strategic", size=1))
    kind = "application/strategic-merge-patch+json"
    assert cluster.request("PATCH", f"{WIDGETS}/strategic", {}, type=kind).code == 415


def test_the_definition_says_what_a_table_shows(cluster):
    cluster.request("POST", WIDGETS, widget("shown", size=7))
    conditions = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    cluster.request("PATCH", f"{WIDGETS}/shown/status", conditions, type=MERGE)
    table = cluster.request(
        "GET",
        f"{WIDGETS}?fieldSelector=metadata.name%3Dshown",
        headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
    ).json
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Size", "Ready", "Age"]
    assert table["rows"][0]["cells"][:3] == ["shown", 7, "True"]


def test_objects_go_with_their_definition(cluster):
    cluster.request("POST", DEFINITIONS, definition("gadgets", "Gadget"))
    path = "/apis/example.com/v1/namespaces/default/gadgets"
    body = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}, "x": 1}
    assert cluster.request("POST", path, body).json["x"] == 1
    cluster.request("DELETE", f"{DEFINITIONS}/gadgets.example.com")
    assert cluster.request("GET", path).code == 404
    cluster.request("POST", DEFINITIONS, definition("gadgets", "Gadget"))
    assert cluster.request("GET", path).json["items"] == []


@pytest.fixture
def gizmos(cluster):
    """A kind that is kept as v1 and served as v1beta1, too."""
    body = definition("gizmos", "Gizmo")
    body["spec"]["versions"] = [
        {"name": "v1beta1", "served": True, "storage": False, "deprecated": True},
        {"name": "v1alpha1", "served": False, "storage": False},
        {"name": "v1", "served": True, "storage": True},
    ]
    for version in body["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": SCHEMA}
    assert cluster.request("POST", DEFINITIONS, body).code == 201
    return "/apis/example.com/{}/namespaces/default/gizmos"


def test_an_object_is_served_in_each_version_of_its_kind(cluster, gizmos):
    obj = {**widget("old", size=1), "apiVersion": "example.com/v1beta1", "kind": "Gizmo"}
    created = cluster.request("POST", gizmos.format("v1beta1"), obj)
    assert (created.code, created.json["apiVersion"]) == (201, "example.com/v1beta1")
    assert "deprecated" in created.headers["Warning"]
    shown = cluster.request("GET", f"{gizmos.format('v1')}/old").json
    assert (shown["apiVersion"], shown["spec"]["colour"]) == ("example.com/v1", "red")
    applied = {**obj, "spec": {"size": 2}}
    path = f"{gizmos.format('v1beta1')}/old"
    changed = cluster.request("PATCH", f"{path}?fieldManager=t&force=true", applied, type=APPLY)
    assert (changed.code, changed.json["spec"]["size"]) == (200, 2)
    listed = cluster.request("GET", gizmos.format("v1beta1")).json
    assert [o["apiVersion"] for o in listed["items"]] == ["example.com/v1beta1"]
    assert cluster.request("GET", gizmos.format("v1alpha1")).code == 404
    groups = {g["name"]: g for g in cluster.request("GET", "/apis").json["groups"]}
    assert [v["version"] for v in groups["example.com"]["versions"]] == ["v1", "v1beta1"]
    cluster.request("DELETE", f"{DEFINITIONS}/gizmos.example.com")
    assert cluster.request("GET", gizmos.format("v1")).code == 404


def test_an_autoscaler_is_served_in_both_versions(cluster):
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 3}
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    old = {"metadata": {"name": "old"}, "spec": {**spec, "targetCPUUtilizationPercentage": 70}}
    assert cluster.request("POST", path.format("v1"), old).code == 201
    new = cluster.request("GET", f"{path.format('v2')}/old").json["spec"]["metrics"]
    assert new[0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    again = cluster.request("GET", f"{path.format('v1')}/old").json["spec"]
    assert again["targetCPUUtilizationPercentage"] == 70
    cluster.request("DELETE", f"{path.format('v1')}/old")


def test_ciliums_policies_are_refused_with_the_reason_defined_or_not(cluster):
    path = "/apis/cilium.io/v2/namespaces/default/ciliumnetworkpolicies"
    head = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}
    body = {**head, "metadata": {"name": "x"}, "spec": {}}
    for method, where, given in (("GET", "/apis/cilium.io/v2", None), ("POST", path, body)):
        answer = cluster.request(method, where, given)
        assert (answer.code, answer.json["reason"]) == (404, "NotEnforced")
        assert "Cilium's own kinds" in answer.json["message"]

    made = definition("ciliumnetworkpolicies", "CiliumNetworkPolicy")
    made["metadata"]["name"] = "ciliumnetworkpolicies.cilium.io"
    made["spec"] |= {"group": "cilium.io"}
    made["spec"]["versions"][0] |= {"name": "v2", "schema": {"openAPIV3Schema": SCHEMA}}
    assert cluster.request("POST", DEFINITIONS, made).code == 201
    answer = cluster.request("POST", path, {**body, "spec": {"size": 1}})
    assert (answer.code, answer.json["reason"]) == (403, "NotEnforced")
