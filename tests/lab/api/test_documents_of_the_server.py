"""Discovery, OpenAPI, and the protobuf that kubectl sends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npol.api_rules.schema import structs
from npol_lab.api import protobuf
from npol_lab.registry.errors import StatusError

DISCOVERED = json.loads((Path(__file__).parent / "discovery.json").read_text())
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def test_discovery_in_one_document_says_what_the_lists_say(cluster):
    listed = {
        (g["name"], r["name"])
        for g in cluster.request("GET", "/apis").json["groups"]
        for v in g["versions"]
        for r in cluster.request("GET", f"/apis/{v['groupVersion']}").json["resources"]
        if "/" not in r["name"]
    }
    answer = cluster.request("GET", "/apis", headers={"Accept": AGGREGATED})
    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    aggregated = {
        (g["metadata"]["name"], r["resource"])
        for g in answer.json["items"]
        for v in g["versions"]
        for r in v["resources"]
    }
    assert aggregated == listed


def test_openapi_names_everything_that_it_refers_to(cluster):
    for path in cluster.request("GET", "/openapi/v3").json["paths"]:
        document = cluster.request("GET", f"/openapi/v3/{path}").json
        schemas = document["components"]["schemas"]
        referred = {r.rsplit("/", 1)[1] for r in references(document)}
        assert referred <= set(schemas)


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_openapi_knows_how_lists_merge(cluster):
    schemas = cluster.request("GET", "/openapi/v3/api/v1").json["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]


def test_openapi_tells_kubectl_that_the_server_validates(cluster):
    paths = cluster.request("GET", "/openapi/v3/apis/networking.k8s.io/v1").json["paths"]
    base = "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    patch = paths[f"{base}/{{name}}"]["patch"]
    assert "fieldValidation" in {p["name"] for p in patch["parameters"]}


def field(number, value):
    if isinstance(value, int):
        return bytes([number << 3, value])
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data)]) + data


def envelope(version, kind, raw):
    return protobuf.MAGIC + field(1, field(1, version) + field(2, kind)) + field(2, raw)


def test_protobuf_is_read_by_the_numbers_of_the_fields():
    ports = field(1, field(3, 80) + field(1, "http")) + field(1, field(2, "UDP"))
    labels = field(11, field(1, "a") + field(2, "b")) + field(11, field(1, "c") + field(2, ""))
    target = field(4, field(1, 1) + field(3, "web"))
    raw = field(1, field(1, "s") + labels) + field(
        2, field(1, field(3, 80) + target) + field(3, "") + field(13, 1)
    )
    assert ports
    assert protobuf.decode(envelope("v1", "Service", raw), structs()["Service"]) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "labels": {"a": "b", "c": ""}},
        "spec": {
            "ports": [{"port": 80, "targetPort": "web"}],
            "clusterIP": "",
            "publishNotReadyAddresses": True,
        },
    }


def test_protobuf_that_json_shows_inline_is_inline():
    volume = field(1, "v") + field(2, field(2, field(1, "Memory")))
    probe = field(1, field(2, field(1, "/x"))) + field(4, 5)
    container = field(1, "c") + field(11, probe)
    raw = field(2, field(1, volume) + field(2, container))
    spec = protobuf.decode(envelope("v1", "Pod", raw), structs()["Pod"])["spec"]
    assert spec["volumes"] == [{"name": "v", "emptyDir": {"medium": "Memory"}}]
    assert spec["containers"][0]["readinessProbe"] == {
        "httpGet": {"path": "/x"},
        "periodSeconds": 5,
    }


@pytest.mark.parametrize(
    "body", [b"", b"{}", protobuf.MAGIC + b"\x0a\xff", protobuf.MAGIC + b"\x0b"]
)
def test_malformed_protobuf_is_refused(body):
    with pytest.raises(StatusError, match="the object provided is unrecognized"):
        protobuf.decode(body, structs()["Pod"])


NOT_SERVED = {
    "bindings",
    "certificatesigningrequests/approval",
    "nodes/proxy",
    "pods/proxy",
    "pods/resize",
    "services/proxy",
}


@pytest.mark.parametrize("group_version", DISCOVERED)
def test_every_built_in_kind_is_discovered_as_on_the_real_server(cluster, group_version):
    """`discovery.json` was recorded from kube-apiserver 1.33.13."""
    prefix = "/apis/" if "/" in group_version else "/api/"
    found = cluster.request("GET", prefix + group_version).json["resources"]
    told = {r["name"]: without_hash(r) for r in found}
    wanted = {r["name"]: without_hash(r) for r in DISCOVERED[group_version]}
    assert told == {name: r for name, r in wanted.items() if name not in NOT_SERVED}


def without_hash(row):
    kept = {k: v for k, v in row.items() if k != "storageVersionHash"}
    return {**kept, "verbs": sorted(row["verbs"])}
