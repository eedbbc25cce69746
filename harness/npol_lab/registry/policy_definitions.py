"""
The definitions of the policies in tiers, as a cluster has them that enforces such policies.

Written from the API's types: kubernetes-sigs/network-policy-api apis/v1alpha2 (v0.2.0) for
ClusterNetworkPolicy, apis/v1alpha1 (v0.1.7) for the kinds before it, in the experimental channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Obj = dict[str, Any]

GROUP = "policy.networking.k8s.io"
MOST_PRIORITY = 1000
MOST_ITEMS = 25
PORT = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
PROTOCOL = {"type": "string", "default": "TCP"}
STRINGS = {"type": "array", "items": {"type": "string"}}
EXPRESSION = {
    "type": "object",
    "properties": {"key": {"type": "string"}, "operator": {"type": "string"}, "values": STRINGS},
    "required": ["key", "operator"],
}
SELECTOR: Obj = {
    "type": "object",
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "items": EXPRESSION},
    },
}
PODS = {
    "type": "object",
    "properties": {"namespaceSelector": SELECTOR, "podSelector": SELECTOR},
    "required": ["namespaceSelector", "podSelector"],
}


def _one_of(**properties: Obj) -> Obj:
    """An object in which exactly one of these is set."""
    return {"type": "object", "properties": properties, "minProperties": 1, "maxProperties": 1}


def _some(item: Obj, most: int) -> Obj:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


SUBJECT = _one_of(namespaces=SELECTOR, pods=PODS)
LABEL = r"[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?"
NAME = rf"^(\*\.)?({LABEL}\.)+{LABEL}\.?$"
TARGET = _one_of(
    namespaces=SELECTOR,
    pods=PODS,
    nodes=SELECTOR,
    networks=_some({"type": "string", "maxLength": 43}, MOST_ITEMS),
    domainNames=_some({"type": "string", "pattern": NAME}, MOST_ITEMS),
)
RANGE = {
    "type": "object",
    "properties": {"start": PORT, "end": PORT},
    "required": ["start", "end"],
}
TRANSPORT = {
    "type": "object",
    "properties": {"destinationPort": _one_of(number=PORT, range=RANGE)},
    "minProperties": 1,
}
PROTOCOLS = _some(
    _one_of(tcp=TRANSPORT, udp=TRANSPORT, sctp=TRANSPORT, destinationNamedPort={"type": "string"}),
    MOST_ITEMS,
)
OLD_PORTS = _some(
    _one_of(
        portNumber={
            "type": "object",
            "properties": {"protocol": PROTOCOL, "port": PORT},
            "required": ["port", "protocol"],
        },
        portRange={
            "type": "object",
            "properties": {"protocol": PROTOCOL, "start": PORT, "end": PORT},
            "required": ["start", "end"],
        },
        namedPort={"type": "string"},
    ),
    100,
)


def policy_definitions() -> list[Obj]:
    """ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy."""
    priority = {"type": "integer", "format": "int32", "minimum": 0, "maximum": MOST_PRIORITY}
    tier = {"type": "string", "enum": ["Admin", "Baseline"]}
    old = {"ports": OLD_PORTS}
    return [
        _definition(
            "ClusterNetworkPolicy",
            "clusternetworkpolicies",
            "cnp",
            "v1alpha2",
            spec=_spec(
                ("Accept", "Deny", "Pass"), {"protocols": PROTOCOLS}, tier=tier, priority=priority
            ),
        ),
        _definition(
            "AdminNetworkPolicy",
            "adminnetworkpolicies",
            "anp",
            "v1alpha1",
            spec=_spec(("Allow", "Deny", "Pass"), old, most=100, priority=priority),
        ),
        _definition(
            "BaselineAdminNetworkPolicy",
            "baselineadminnetworkpolicies",
            "banp",
            "v1alpha1",
            spec=_spec(("Allow", "Deny"), old, most=100),
        ),
    ]


def _spec(actions: Sequence[str], ports: Obj, *, most: int = MOST_ITEMS, **own: Obj) -> Obj:
    rules = {
        direction: {
            "type": "array",
            "maxItems": most,
            "items": _rule(actions, side, peer, ports, most),
        }
        for direction, side, peer in (("ingress", "from", SUBJECT), ("egress", "to", TARGET))
    }
    return {
        "type": "object",
        "properties": {**own, "subject": SUBJECT, **rules},
        "required": [*own, "subject"],
    }


def _rule(actions: Sequence[str], side: str, peer: Obj, ports: Obj, most: int) -> Obj:
    own = {
        "name": {"type": "string", "maxLength": 100},
        "action": {"type": "string", "enum": list(actions)},
        side: _some(peer, most),
    }
    return {"type": "object", "properties": {**own, **ports}, "required": ["action", side]}


def _definition(kind: str, plural: str, short: str, version: str, *, spec: Obj) -> Obj:
    columns = [
        {"name": name.capitalize(), "type": type, "jsonPath": f".spec.{name}"}
        for name, type in (("tier", "string"), ("priority", "string"))
        if name in spec["properties"]
    ]
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    schema = {
        "type": "object",
        "properties": {
            "spec": spec,
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
        "required": ["spec"],
    }
    return {
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "scope": "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                }
            ],
        },
    }
