"""Flows as people write them."""

from __future__ import annotations

import pytest

from npol.errors import InputError
from npol.policy.evaluate.evaluate import decide
from npol.policy.matrix.matrix import matrix
from npol.policy.matrix.render import markdown, table
from npol.policy.objects.dialects import CALICO
from npol.policy.state.apply_changes import build
from npol.policy.state.dns import with_dns
from npol.policy.state.flow_syntax import parse_flow
from tests.policy.worlds import policy, world_with

WORLD = world_with(policy("p", "{podSelector: {matchLabels: {tier: c}}}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x/a -> x/b:8080", "x/a -> x/b:8080/tcp"),
        ("  z/a->x/a:80/UDP", "z/a -> x/a:80/udp"),
        ("internet -> x/outside:80", "internet -> x/outside:80/tcp"),
        ("node/n1 -> x/a:80", "node n1 -> x/a:80/tcp"),
        ("x/a -> 203.0.113.9:443", "x/a -> 203.0.113.9:443/tcp"),
        ("x/a -> 10.0.1.1:80", "x/a -> z/a:80/tcp"),
        ("x/a -> 10.96.0.3:8080", "x/a -> x/both:8080/tcp"),
        ("x/a -> [2001:db8::9]:443", "x/a -> 2001:db8::9:443/tcp"),
        ("x/a -> @dns:53/udp", "x/a -> kube-system/kube-dns:53/udp"),
        ("@dns -> x/a:80", "kube-system/coredns -> x/a:80/tcp"),
        ("x/a -> @apiserver:443", "x/a -> default/kubernetes:443/tcp"),
        ("@apiserver -> x/a:80", "node cp -> x/a:80/tcp"),
        ("@node -> x/a:80", "node n1 -> x/a:80/tcp"),
        ("x/a -> @node:10250", "x/a -> node n1:10250/tcp"),
    ],
)
def test_flow_is_read_as_it_is_written(text, expected):
    assert str(parse_flow(with_dns(WORLD), text)) == expected


def test_service_wins_over_a_pod_of_its_name_as_a_target():
    """x/b is both."""
    flow = parse_flow(WORLD, "x/a -> x/b:8080")

    assert str(flow.target) == "Service x/b"


def test_family_is_that_of_the_address():
    assert parse_flow(WORLD, "x/a -> [2001:db8::9]:443").family == 6
    assert parse_flow(WORLD, "x/a -> [fd00::2]:3001").family == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x/a x/b:80", "not a valid flow: 'x/a x/b:80'"),
        ("x/a -> x/b", "not a valid flow: 'x/a -> x/b'"),
        ("x/aa -> x/b:80", "did you mean x/a?"),
        ("node/n9 -> x/b:80", "known: n1, n2, cp"),
        ("x/a -> 10.96.44.3:80", "no Service known here has it"),
        ("somewhere -> x/b:80", "not a valid end of a flow"),
        ("x/a -> x/b:99999", "not a valid port: 99999"),
    ],
)
def test_an_invalid_flow_is_refused_with_the_syntax_to_write(text, message):
    with pytest.raises(InputError) as caught:
        parse_flow(WORLD, text)

    assert message in str(caught.value)


def test_matrix_is_drawn_with_the_ports_that_targets_declare():
    assert table(matrix(WORLD, CALICO)) == [
        ["from \\ to", "x/a and 1 more:80/tcp", "x/a and 1 more:3001/tcp", "x/c:3002/tcp",
         "z/a:80/tcp"],
        ["x/a and 1 more", "open", "open", "-", "open"],
        ["x/c", "open", "open", "=", "open"],
        ["z/a", "open", "open", "-", "="],
    ]  # fmt: skip


def test_drawn_matrix_is_a_markdown_table():
    first, rule, *rows = markdown(matrix(WORLD, CALICO)).splitlines()

    assert first.startswith("| from \\ to      | x/a and 1 more:80/tcp |")
    assert set(rule) == {"|", "-"}
    assert {len(line) for line in (first, rule, *rows)} == {len(first)}


MANIFESTS = build(
    [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web"}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "front", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
        policy("closed", "{podSelector: {}, policyTypes: [Ingress, Egress]}", "shop"),
    ]
)
"""No node, no Service of the API server: as charts are."""


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("@node -> shop/web:80", True),
        ("@node -> shop/front:80", True),
        ("@apiserver -> shop/web:80", False),
        ("shop/web -> @apiserver:6443", False),
        ("node/n1 -> shop/web:80", None),
    ],
    ids=["kubelet-of-its-node", "node-by-service", "webhook", "api-server", "some-node"],
)
def test_ends_of_the_platform_can_be_asked_about_where_no_manifest_shows_them(text, allowed):
    assert decide(MANIFESTS, parse_flow(MANIFESTS, text)).allowed is allowed


def test_an_end_of_the_platform_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="no end is called @dsn"):
        parse_flow(MANIFESTS, "shop/web -> @dsn:53")
