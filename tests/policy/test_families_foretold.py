"""Predictions in a cluster of both IP families."""

from __future__ import annotations

from typing import Any

import pytest

from npol.errors import Position
from npol.model.expectation import parse_expectation
from npol.model.story import Defaults, Flow, Peer, Story
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.forecast import predict
from npol.policy.state.apply_changes import build

HERE = Position("story.npol.yaml", 1, 1)


def pod(name: str, number: int) -> dict[str, Any]:
    ips = [f"10.244.1.{number}", f"fd00:10:244:1::{number}"]
    status = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    status |= {"conditions": [{"type": "Ready", "status": "True"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": name}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c"}]},
        "status": status,
    }


def service(**spec: Any) -> dict[str, Any]:
    given = {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": given}


def policy(*blocks: str) -> dict[str, Any]:
    peers = [{"ipBlock": {"cidr": cidr}} for cidr in blocks]
    spec = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers}] if blocks else [],
    }
    metadata = {"name": "blocks", "namespace": "shop"}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**kind, "metadata": metadata, "spec": spec}


def predicted(target: Peer, *objects: dict[str, Any], expect: str = "allow"):
    world = build([pod("web", 3), pod("client", 2), *objects])
    client = Peer(name="client", at=HERE, namespace="shop", labels={"app": "client"})
    flow = Flow(
        name="f",
        at=HERE,
        source="client",
        target="web",
        port=80,
        expect=parse_expectation(expect),
    )
    story = Story(
        name="s",
        path="s",
        root=".",
        defaults=Defaults(),
        peers={"client": client, "web": target},
        steps=(),
    )
    asked = ask(world, story, flow)
    return predict(asked, world, "calico"), asked


BY_SERVICE = Peer(name="web", at=HERE, namespace="shop", service="web")
BY_POD = Peer(name="web", at=HERE, namespace="shop", labels={"app": "web"})
DUAL = service(clusterIP="10.96.0.7", clusterIPs=["10.96.0.7", "fd00:10:96::7"])


@pytest.mark.parametrize("target", [BY_SERVICE, BY_POD], ids=["service", "pod"])
@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        pytest.param(
            ["0.0.0.0/0"],
            "differs by family: open over IPv4, closed over IPv6",
            id="four",
        ),
        pytest.param(["::/0"], "differs by family: open over IPv6, closed over IPv4", id="six"),
        pytest.param(["0.0.0.0/0", "::/0"], "allow", id="both"),
        pytest.param([], "deny", id="neither"),
    ],
)
def test_each_family_is_foretold(target, blocks, words):
    prediction, _ = predicted(target, DUAL, policy(*blocks))
    assert str(prediction) == words


def test_the_closed_family_is_explained():
    prediction, _ = predicted(BY_SERVICE, DUAL, policy("0.0.0.0/0"))
    assert any("0.0.0.0/0" in str(cause.text) for cause in prediction.causes), prediction.causes


@pytest.mark.parametrize(
    ("spec", "families"),
    [
        pytest.param({"clusterIP": "10.96.0.7"}, [4], id="single-stack"),
        pytest.param({"clusterIP": "fd00:10:96::7"}, [6], id="ipv6"),
        pytest.param({"clusterIP": "None"}, [4, 6], id="headless"),
        pytest.param({"ipFamilyPolicy": "RequireDualStack"}, [4, 6], id="required-not-made-yet"),
        pytest.param({"ipFamilies": ["IPv6"]}, [6], id="asked-for-not-made-yet"),
    ],
)
def test_a_service_has_the_families_of_its_addresses(spec, families):
    _, asked = predicted(BY_SERVICE, service(**spec))
    assert [t.family for t in asked.traffics] == families


@pytest.mark.parametrize(("expect", "decision"), [("allow", "deny"), ("deny", "allow")])
def test_the_judge_finds_the_family_that_is_not_as_expected(expect, decision):
    prediction, _ = predicted(BY_SERVICE, DUAL, policy("0.0.0.0/0"), expect=expect)
    assert prediction.decision_for(parse_expectation(expect)).value == decision
