"""Manifests with a value of another type anywhere: findings, never a crash."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from npol.errors import NpolError
from npol.policy.lint import lint
from npol.yaml_positions import YamlDialect, dump, load

POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "p", "namespace": "x", "labels": {"a": "b"}},
    "spec": {
        "podSelector": {
            "matchLabels": {"app": "a"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
        },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": {}},
                    {"namespaceSelector": {"matchLabels": {"n": "x"}}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ],
                "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}, {"port": "web"}],
            }
        ],
        "egress": [{"to": [{"podSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]}],
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "namespace": "x"},
    "spec": {
        "selector": {"app": "a"},
        "clusterIP": "10.96.0.1",
        "ports": [{"name": "h", "port": 80, "targetPort": "web", "protocol": "TCP"}],
    },
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "namespace": "x", "labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
    "status": {"phase": "Running", "podIP": "10.0.0.1"},
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
MANIFESTS: list[dict[str, Any]] = [POLICY, POLICY, SERVICE, POD, NAMESPACE]
ODD: list[Any] = [
    None, True, [], {}, "", 0, -1, 1.5, "TCP", ["TCP"], {"Ingress": True}, [{"a": 1}], "x" * 300,
    [None], {"a": None}, [[]], "10.0.0.0/8", {"matchLabels": [1]},
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a manifest with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def mutant(dice: random.Random) -> str:
    manifests = copy.deepcopy(MANIFESTS)
    container, key = dice.choice(list(places(dice.choice(manifests))))
    if dice.random() < 0.8:
        container[key] = copy.deepcopy(dice.choice(ODD))
    else:
        del container[key]
    return "\n---\n".join(map(dump, manifests))


@pytest.mark.parametrize(
    "count", [pytest.param(200), pytest.param(5000, marks=pytest.mark.nightly)]
)
def test_value_of_another_type_anywhere_is_a_finding_and_no_crash(count):
    dice = random.Random(7)
    for _ in range(count):
        text = mutant(dice)
        try:
            lint(load(text, "odd.yaml", YamlDialect.MANIFEST))
        except NpolError:
            continue
        except Exception as error:
            pytest.fail(f"{error!r} for\n{text}")
