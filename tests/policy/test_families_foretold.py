"""What policies mean in a cluster of both IP families, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from npol.errors import Position
from npol.model.expectation import parse_expectation
from npol.model.story import Flow, Peer, Story
from npol.model.story_settings import Defaults
from npol.policy.explain.explain import explain_flows
from npol.policy.lint import lint
from npol.policy.matrix.diff import difference
from npol.policy.matrix.render import by_family
from npol.policy.objects.dialects import CALICO
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.forecast import predict
from npol.policy.state.apply_changes import apply, build
from npol.policy.state.flow_syntax import parse_flows
from npol.report.causes import cause_words, prediction_words

HERE = Position("story.npol.yaml", 1, 1)


PORTS = [{"containerPort": 80}]


def pod(name: str, number: int) -> dict[str, Any]:
    ips = [f"10.244.1.{number}", f"fd00:10:244:1::{number}"]
    status = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    status |= {"conditions": [{"type": "Ready", "status": "True"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": name}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": PORTS}]},
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
    assert prediction_words(prediction) == words


def test_the_closed_family_is_explained():
    prediction, _ = predicted(BY_SERVICE, DUAL, policy("0.0.0.0/0"))
    assert any("0.0.0.0/0" in cause_words(cause) for cause in prediction.causes), prediction.causes


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


WORLD = build([pod("web", 3), pod("client", 2), DUAL])
HALF, WHOLE, NONE = policy("0.0.0.0/0"), policy("0.0.0.0/0", "::/0"), policy()


@pytest.mark.parametrize(
    ("applied", "told"),
    [
        pytest.param(HALF, [("over IPv4", "allow"), ("over IPv6", "deny")], id="half"),
        pytest.param(WHOLE, [("over IPv4 and IPv6", "allow")], id="alike"),
    ],
)
@pytest.mark.parametrize("beside", [[DUAL], []], ids=["service", "pod"])
def test_explain_goes_over_each_family_and_says_once_what_is_alike(applied, told, beside):
    world = build([pod("web", 3), pod("client", 2), *beside, applied])
    explained = explain_flows(world, parse_flows(world, "shop/client -> shop/web:80"), CALICO)

    ends = [(e.flow.partition("/tcp ")[2], prediction_words(e.prediction)) for e in explained]
    assert ends == told


@pytest.mark.parametrize(
    ("text", "families"),
    [
        pytest.param("shop/client -> internet:443", [4, 6], id="a place may be anywhere"),
        pytest.param("internet -> shop/web:80", [4, 6], id="from anywhere"),
        pytest.param("shop/client -> [2001:db8::9]:443", [6], id="an address has its own"),
    ],
)
def test_a_flow_in_words_goes_over_the_families_of_its_ends(text, families):
    assert [t.family for t in parse_flows(WORLD, text)] == families


def test_a_flow_of_one_family_is_explained_without_its_name():
    world = build([{**pod("web", 3), "status": {}}, {**pod("client", 2), "status": {}}])
    (told,) = explain_flows(world, parse_flows(world, "shop/client -> shop/web:80"))

    assert told.flow == "shop/client -> shop/web:80/tcp"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(
            NONE,
            HALF,
            [
                "opens: shop/client, anywhere else outside -> shop/web every port over IPv4",
            ],
            id="one",
        ),
        pytest.param(
            HALF,
            WHOLE,
            [
                "opens: shop/client, anywhere else outside -> shop/web every port over IPv6",
            ],
            id="the other",
        ),
        pytest.param(
            NONE,
            WHOLE,
            [
                "opens: shop/client, anywhere else outside -> shop/web every port",
            ],
            id="both",
        ),
    ],
)
def test_what_a_change_opens_is_told_by_family_where_families_differ(before, after, told):
    earlier, later = (apply(WORLD, [one]) for one in (before, after))

    assert [str(d) for d in difference(earlier, later, CALICO)] == told


def test_the_matrix_is_drawn_for_each_family_where_they_differ():
    world = apply(WORLD, [HALF])

    alike, apart = by_family(WORLD, CALICO), by_family(world, CALICO)
    four, six = apart.removeprefix("Over IPv4:\n\n").split("\nOver IPv6:\n\n")
    assert "Over" not in alike
    assert [cell(four), cell(six)] == ["open", "-"]


def cell(drawn: str) -> str:
    """From the client to the only port that is declared."""
    (row,) = [line for line in drawn.splitlines() if line.startswith("| shop/client")]
    return row.split("|")[2].strip()


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        pytest.param(["0.0.0.0/0"], ["0.0.0.0/0 holds no IPv6"], id="four"),
        pytest.param(["::/0"], ["::/0 holds no IPv4"], id="six"),
        pytest.param(["0.0.0.0/0", "::/0"], [], id="both"),
        pytest.param(["203.0.113.0/24"], [], id="a part"),
    ],
)
def test_lint_finds_the_family_that_is_forgotten(blocks, found):
    findings = [f for f in lint([policy(*blocks)], WORLD) if f.id == "NP045"]

    assert [f.message.partition(",")[0] for f in findings] == found
    assert not [f for f in lint([policy(*blocks)], build([])) if f.id == "NP045"], (
        "pods of one family, or none known"
    )
