"""Collecting from a server that refuses, goes away, or has more than one wants."""

from __future__ import annotations

import json

import pytest

from npol.diagnose.archive import collect, omissions
from npol.kube.connection import Mode
from tests.kube.fake_api import cut, reply, status

NONE = reply(body={"items": []})
CORE = ("pods", "services", "events")
PATHS = (
    "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
    "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
    *(f"/api/v1/namespaces/shop/{plural}" for plural in CORE),
    *(
        f"/apis/apps/v1/namespaces/shop/{plural}"
        for plural in ("deployments", "statefulsets", "daemonsets", "replicasets")
    ),
    "/apis/apps/v1/daemonsets",
    "/api/v1/nodes",
    "/api/v1/namespaces",
)
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def cluster(api):
    """An empty cluster that allows all."""
    api.on("GET", "/version", reply(body={"gitVersion": "v1.33.1"}))
    api.on("GET", "/apis", reply(body={"groups": []}))
    api.on("POST", REVIEWS, reply(201, {"status": {"allowed": True}}))
    for path in PATHS:
        api.on("GET", path, NONE)
    for name in ("amazon-vpc-cni", "cilium-config", "npol-lab"):
        api.on(
            "GET",
            f"/api/v1/namespaces/kube-system/configmaps/{name}",
            status(404, "NotFound", "no"),
        )
    return api


def collected(connection, **namespaces):
    found = collect(connection, ["shop"], versions={"npol": "0"}, top="npol", **namespaces)
    return {p.name.removeprefix("npol/"): p.data.decode() for p in found.pieces}


def test_missing_rights_are_noted_and_stop_nothing(cluster, to):
    refused = status(403, "Forbidden", 'User "me" cannot list resource "events"')
    cluster.on("GET", "/api/v1/namespaces/shop/events", refused)
    cluster.on("GET", "/api/v1/nodes", status(403, "Forbidden", "no nodes for you"))

    files = collected(to(Mode.READ_ONLY))

    assert "- not read: events of namespace shop: " in files["README.txt"]
    assert "- not read: nodes: " in files["README.txt"]
    assert json.loads(files["namespaces/shop/events.json"]) == []
    assert json.loads(files["versions.json"])["kubernetes"] == "v1.33.1"


def test_no_secret_and_no_config_map_of_others_is_asked_for(cluster, to):
    collected(to(Mode.READ_ONLY))

    asked = cluster.sent("GET")
    assert [path for path in asked if "secrets" in path] == []
    assert {p.rpartition("/")[2] for p in asked if "configmaps" in p} == {
        "amazon-vpc-cni",
        "cilium-config",
        "npol-lab",
    }


def test_more_objects_than_the_most_are_cut_and_counted(cluster, to, monkeypatch):
    monkeypatch.setattr(omissions, "MOST_OBJECTS", 2)
    events = [
        {"metadata": {"name": name}, "lastTimestamp": f"2026-01-01T00:00:0{second}Z"}
        for name, second in (("a", 1), ("b", 3), ("c", 2))
    ]
    cluster.on("GET", "/api/v1/namespaces/shop/events", reply(body={"items": events}))

    files = collected(to(Mode.READ_ONLY))

    kept = json.loads(files["namespaces/shop/events.json"])
    assert [e["metadata"]["name"] for e in kept] == ["b", "c"]
    assert "- cut: events of namespace shop: 2 of 3" in files["README.txt"]


def test_a_server_that_goes_away_is_noted_once_and_asked_no_more(cluster, to):
    cluster.on("GET", PATHS[0], cut)

    files = collected(to(Mode.READ_ONLY))

    told = files["README.txt"]
    assert told.count("does not answer") == 1
    assert "- not asked: nodes" in told
