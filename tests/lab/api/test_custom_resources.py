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
