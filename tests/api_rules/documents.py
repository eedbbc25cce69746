"""
Documents as people write them, right, odd and wrong: what the recorded answers are answers to.

A case is a right document with one place changed, or a text of its own where the YAML is what is
odd. `tools/record_answers.py` asks a real API server about each.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from npol.yaml_positions import dump
from tests.api_rules.yaml_texts import TEXTS

GONE = "(taken out)"
"""As a value: the field is left out."""

POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "web", "namespace": "default", "labels": {"team": "blue"}},
    "spec": {
        "podSelector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}],
        },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": {"matchLabels": {"app": "cli"}}, "namespaceSelector": {}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ],
                "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}],
            }
        ],
        "egress": [{"to": [{"podSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]}],
    },
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
    },
}
NAMESPACE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"team": "blue"}},
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "ports": [{"name": "http", "containerPort": 80}],
                "env": [{"name": "MODE", "value": "fast"}],
            }
        ]
    },
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
        },
    },
}
BASES = {
    "policy": POLICY,
    "service": SERVICE,
    "namespace": NAMESPACE,
    "pod": POD,
    "deployment": DEPLOYMENT,
}

_NAMES = [
    "",
    "a..b",
    "Web",
    "web_1",
    "-web",
    "web.",
    "a/b",
    "w" * 254,
    7,
    True,
    None,
    GONE,
    "w.b-1",
]
_LABELS = [
    None,
    [],
    {},
    "team=blue",
    {"team": None},
    {"team": 7},
    {"team": True},
    {"team": ""},
    {"team": "blue sky"},
    {"team": "b" * 64},
    {"team": ["blue"]},
    {"": "blue"},
    {"a b": "blue"},
    {"Example.com/team": "blue"},
    {"example.com/a/b": "blue"},
    {"example.com/": "blue"},
    {"/team": "blue"},
    {"k" * 64: "blue"},
    {"true": "blue"},
    {"team": "-blue"},
    {"team": "Blue_1.x"},
]
_SELECTORS = [
    None,
    GONE,
    {},
    [],
    "app=web",
    {"app": "web"},
    {"matchLabels": None},
    {"matchLabels": {"app": None}},
    {"matchLabels": {"app": 1}},
    {"matchLabels": {"app": "a b"}},
    {"matchLabels": {"a b": "x"}},
    {"matchLabels": ["app"]},
    {"matchExpressions": {}},
    {"matchExpressions": [None]},
    {"matchExpressions": [{}]},
    {"matchExpressions": [{"key": "app", "operator": "In"}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": []}]},
    {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a", "a"]}]},
    {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["a"]}]},
    {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
    {"matchExpressions": [{"key": "app", "operator": "in", "values": ["a"]}]},
    {"matchExpressions": [{"key": "app", "operator": "", "values": ["a"]}]},
    {"matchExpressions": [{"operator": "Exists"}]},
    {"matchExpressions": [{"key": "a b", "operator": "Exists"}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a b"]}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": [1]}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": [None]}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": "a"}]},
    {"matchLabels": {"app": "web"}, "matchLables": {}},
]
_NUMBERS = [None, GONE, 0, 1, -1, 65535, 65536, "80", "http", 80.0, 80.5, True, [80], {}, 10**19]
_PORT_NAMES = ["", "HTTP", "a--b", "-a", "a-", "8080", "a" * 16, "a_b", "h2"]
_CIDRS = [
    GONE,
    None,
    "",
    "10.0.0.0",
    "10.1.2.3/8",
    "010.0.0.0/8",
    "10.0.0.0/33",
    "10.0.0/8",
    "::ffff:10.0.0.0/104",
    "2001:db8::/32",
    "2001:db8::1/64",
    "fe80::%eth0/64",
    " 10.0.0.0/8",
    "10.0.0.0/08",
    "10.0.0.0/+8",
    "0.0.0.0/0",
    "::/0",
    10,
    ["10.0.0.0/8"],
]
_LISTS = [None, GONE, [], {}, "text", 7, [None], [[]], ["x"], [7], [True]]
_MAPS = [None, GONE, {}, [], "text", 7, {"bogus": 1}]

CHANGES: Mapping[str, Mapping[str, list[Any]]] = {
    "policy": {
        "apiVersion": [
            "networking.k8s.io/v1beta1",
            "extensions/v1beta1",
            "networking.k8s.io",
            "v1",
            "",
            None,
            GONE,
            1,
        ],
        "kind": ["NetworkPolicies", "networkpolicy", "", None, GONE, 7],
        "metadata": [None, GONE, [], "web", {}, {"name": "web", "bogus": "x"}],
        "metadata.name": _NAMES,
        "metadata.namespace": ["default", "", None, GONE, 7],
        "metadata.labels": _LABELS,
        "metadata.annotations": [
            None,
            {"note": "{{ any }} text"},
            {"note": 7},
            {"Note.Example/x": "y"},
            {"a b": "x"},
            [],
        ],
        "metadata.generateName": ["web-", "Web-", ""],
        "metadata.uid": ["6e9b3c7a-0000-4000-8000-000000000000"],
        "metadata.creationTimestamp": [None, "2024-01-01T00:00:00Z", "yesterday"],
        "metadata.ownerReferences": [
            [],
            [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}],
            [{"kind": "ConfigMap"}],
        ],
        "metadata.finalizers": [["example.com/x"], ["x"]],
        "spec": [None, GONE, {}, [], "text"],
        "spec.podSelector": _SELECTORS,
        "spec.policyTypes": [
            None,
            GONE,
            [],
            "Ingress",
            ["Ingress"],
            ["Egress"],
            ["Egress", "Ingress"],
            ["Ingress", "Ingress"],
            ["Ingress", "Egress", "Ingress"],
            ["ingress"],
            [""],
            [None],
            [{"Ingress": True}],
            {"Ingress": True},
            ["Both"],
        ],
        "spec.ingress": _LISTS,
        "spec.egress": [*_LISTS, [{}]],
        "spec.ingress.0": [{}, {"from": []}, {"ports": []}, {"from": None}, {"to": [{}]}],
        "spec.ingress.0.from.0": [
            *_MAPS,
            {"podSelector": None},
            {"podSelector": None, "namespaceSelector": None},
            {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}},
            {"namespaceSelector": {"matchLabels": {"a": "b c"}}},
            {"ipBlock": None},
            {"ipBlock": {}},
        ],
        "spec.ingress.0.from.1.ipBlock": _MAPS,
        "spec.ingress.0.from.1.ipBlock.cidr": _CIDRS,
        "spec.ingress.0.from.1.ipBlock.except": [
            None,
            [],
            "10.1.0.0/16",
            [None],
            [""],
            ["10.0.0.0/8"],
            ["11.0.0.0/8"],
            ["10.1.2.3/16"],
            ["2001:db8::/64"],
            ["10.1.2.3"],
            ["10.1.0.0/16", "10.1.0.0/16"],
            [7],
        ],
        "spec.ingress.0.ports": [None, [], {}, [None], [{}], ["80"], [80]],
        "spec.ingress.0.ports.0.protocol": [
            None,
            GONE,
            "",
            "UDP",
            "SCTP",
            "tcp",
            "ICMP",
            ["TCP"],
            6,
        ],
        "spec.ingress.0.ports.0.port": [*_NUMBERS, *_PORT_NAMES],
        "spec.ingress.0.ports.0.endPort": [*_NUMBERS, 79, 80],
        "spec.ingress.0.ports.0.targetPort": [80],
        "spec.namespace": ["x"],
        "status": [{}, {"conditions": []}, None],
        "bogus": [1, None],
    },
    "service": {
        "apiVersion": ["v2", "core/v1"],
        "kind": ["Services"],
        "metadata.name": ["", "1web", "web.x", "w" * 64, "Web", None],
        "metadata.labels": [{"team": 7}, {"a b": "x"}],
        "spec": [None, GONE, {}],
        "spec.selector": [
            None,
            GONE,
            {},
            [],
            {"app": 1},
            {"app": None},
            {"a b": "x"},
            {"a": "x y"},
        ],
        "spec.ports": [None, GONE, [], [None], [{}], {}],
        "spec.ports.0.port": _NUMBERS,
        "spec.ports.0.targetPort": [*_NUMBERS, *_PORT_NAMES],
        "spec.ports.0.name": ["", None, "HTTP", "a--b", "a" * 64, 80],
        "spec.ports.0.protocol": [None, "", "UDP", "SCTP", "tcp", "ICMP"],
        "spec.ports.0.nodePort": [30080, 0, -1, 70000],
        "spec.ports.1": [
            {"port": 81},
            {"name": "http", "port": 81},
            {"name": "other", "port": 80},
            {"name": "other", "port": 81},
            {"name": "dns", "port": 80, "protocol": "UDP"},
        ],
        "spec.type": [
            None,
            "",
            "ClusterIP",
            "NodePort",
            "LoadBalancer",
            "ExternalName",
            "Headless",
            7,
        ],
        "spec.clusterIP": ["None", "", "none", "10.300.0.1", None],
        "spec.externalName": ["example.com"],
        "spec.externalIPs": [["192.0.2.1"], ["127.0.0.1"], ["x"]],
        "spec.sessionAffinity": ["None", "ClientIP", "client"],
        "spec.ipFamilies": [["IPv4"], ["IPv5"], ["IPv4", "IPv4"]],
        "spec.ipFamilyPolicy": ["SingleStack", "Dual"],
        "spec.internalTrafficPolicy": ["Cluster", "Local", "local"],
        "spec.externalTrafficPolicy": ["Local"],
        "spec.bogus": [1],
    },
    "namespace": {
        "apiVersion": ["v2"],
        "kind": ["namespace"],
        "metadata.name": ["", "a.b", "Shop", "s" * 64, "7", 7, "a-", None, GONE],
        "metadata.namespace": ["default"],
        "metadata.labels": _LABELS,
        "metadata.annotations": [{"a b": "x"}],
        "spec": [None, {}, {"finalizers": ["kubernetes"]}, {"finalizers": ["x"]}, {"bogus": 1}],
        "status": [{"phase": "Active"}, {}],
        "bogus": [1],
    },
    "pod": {
        "metadata.name": ["", "Web", "web.x"],
        "metadata.labels": [{"app": 1}, {"app": "a b"}],
        "metadata.annotations": [{"template": "{{ with secret }}"}],
        "spec": [GONE, {}],
        "spec.containers": [None, GONE, [], [None], [{}], {}],
        "spec.containers.0.name": [GONE, "", "Web", "a.b", 7],
        "spec.containers.0.image": [GONE, "", " nginx", 7],
        "spec.containers.0.imagePullPolicy": ["always", "Never"],
        "spec.containers.0.ports.0.containerPort": _NUMBERS,
        "spec.containers.0.ports.0.hostPort": [80, 0, 70000],
        "spec.containers.0.ports.0.protocol": [None, "", "UDP", "tcp"],
        "spec.containers.0.ports.0.name": ["", "HTTP", "8080", "a" * 16],
        "spec.containers.0.env.0": [
            {"name": ""},
            {"name": "A=B"},
            {"name": "A", "value": 7},
            {"name": "A", "value": True},
            {"value": "x"},
        ],
        "spec.containers.0.resources": [
            {"limits": {"cpu": "1", "memory": "1Gi"}},
            {"limits": {"cpu": "x"}},
            {"requests": {"cpu": 2}, "limits": {"cpu": 1}},
            {"limits": {"cpu": "-1"}},
        ],
        "spec.containers.0.readinessProbe": [
            {},
            {"httpGet": {"path": "/", "port": "http"}},
            {"httpGet": {"path": "/"}},
            {"tcpSocket": {"port": 70000}},
            {"exec": {"command": []}, "tcpSocket": {"port": 80}},
        ],
        "spec.containers.0.command": ["sh", ["sh", "-c"], [1]],
        "spec.containers.0.bogus": [1],
        "spec.containers.1": [{"name": "web", "image": "x"}, {"name": "side", "image": "x"}],
        "spec.hostNetwork": [True, "true", None],
        "spec.restartPolicy": ["Always", "never", ""],
        "spec.dnsPolicy": ["Default", "None", "x"],
        "spec.nodeSelector": [{"a": 1}, {"a": "b"}, {"a b": "x"}],
        "spec.terminationGracePeriodSeconds": [0, -1, "30"],
        "spec.volumes": [
            [{"name": "data"}],
            [{"name": "data", "emptyDir": {}}],
            [{"name": "Data", "emptyDir": {}}],
            [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}],
        ],
    },
    "deployment": {
        "apiVersion": ["extensions/v1beta1", "apps/v1beta1", "v1"],
        "metadata.name": ["", "Web"],
        "spec": [GONE, {}],
        "spec.replicas": [None, 0, -1, "2", 1.0, 1.5],
        "spec.selector": [
            GONE,
            None,
            {},
            {"matchLabels": {"app": "other"}},
            {"app": "web"},
            {"matchLabels": {"app": "web", "tier": "x"}},
        ],
        "spec.template": [GONE, None, {}, []],
        "spec.template.metadata": [GONE, {}, {"labels": {"app": "other"}}, {"labels": {"app": 1}}],
        "spec.template.metadata.name": ["Any Name"],
        "spec.template.spec": [GONE, {}],
        "spec.template.spec.containers.0.image": [GONE, ""],
        "spec.template.spec.containers.0.ports": [
            [{"containerPort": 80}],
            [{"containerPort": 0}],
            [{"containerPort": "80"}],
            [{"name": "a", "containerPort": 80}, {"name": "a", "containerPort": 81}],
        ],
        "spec.template.spec.restartPolicy": ["Always", "Never"],
        "spec.strategy": [{"type": "Recreate"}, {"type": "recreate"}, {"rollingUpdate": {}}],
        "spec.minReadySeconds": [-1, 5],
        "spec.bogus": [1],
    },
}


def documents() -> dict[str, str]:
    """Every case: its name, and the text of its document."""
    found = {f"{kind}/right": dump(base) for kind, base in BASES.items()}
    for kind, changes in CHANGES.items():
        for path, values in changes.items():
            for value in values:
                name = f"{kind}/{path}={_spelled(value)}"
                found[name] = dump(changed(BASES[kind], path, value))
    return {**found, **dict(_lists()), **{f"yaml/{n}": t for n, t in TEXTS.items()}}


def changed(base: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A document with another value at a path."""
    result: dict[str, Any] = copy.deepcopy(dict(base))
    *way, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    place: Any = result
    for step in way:
        place = place[step]
    if value == GONE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return result


def _lists() -> Iterator[tuple[str, str]]:
    """Lists, of one kind and mixed, with right and wrong items."""
    wrong = changed(POLICY, "spec.policyTypes", ["ingress"])
    nameless = changed(POLICY, "metadata", {})
    bare = {k: v for k, v in POLICY.items() if k not in ("apiVersion", "kind")}
    policies = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList"}
    mixed = {"apiVersion": "v1", "kind": "List"}
    for name, data in {
        "policies": {**policies, "items": [POLICY]},
        "policies-bare-items": {**policies, "items": [bare]},
        "policies-wrong-item": {**policies, "items": [POLICY, wrong]},
        "policies-no-items": {**policies},
        "policies-null-items": {**policies, "items": None},
        "policies-empty": {**policies, "items": []},
        "policies-items-a-map": {**policies, "items": {}},
        "policies-of-another-kind": {**policies, "items": [SERVICE]},
        "mixed": {**mixed, "items": [NAMESPACE, SERVICE, POD]},
        "mixed-bare-item": {**mixed, "items": [bare]},
        "mixed-null-item": {**mixed, "items": [None]},
        "mixed-nameless": {**mixed, "items": [nameless]},
        "mixed-wrong": {**mixed, "items": [wrong, SERVICE]},
        "mixed-empty": {**mixed, "items": []},
        "list-in-a-list": {**mixed, "items": [{**mixed, "items": [SERVICE]}]},
        "list-with-metadata": {**mixed, "metadata": {"resourceVersion": ""}, "items": [SERVICE]},
        "services": {"apiVersion": "v1", "kind": "ServiceList", "items": [SERVICE]},
        "namespaces": {"apiVersion": "v1", "kind": "NamespaceList", "items": [NAMESPACE]},
        "pods": {"apiVersion": "v1", "kind": "PodList", "items": [POD]},
        "deployments": {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [DEPLOYMENT]},
    }.items():
        yield f"list/{name}", dump(data)


def _spelled(value: Any) -> str:
    text = value if value == GONE else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:40]}...({len(text)})"
