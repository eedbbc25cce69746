"""
The definitions of Calico's own kinds, in both groups in which clusters serve them.

Written from the API's types: projectcalico/calico api/pkg/apis/projectcalico/v3. What the lab has
no way to enforce stands in them, too: it is refused with the reason, not dropped in silence.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

GROUP, VERSION = "projectcalico.org", "v3"
STORED_GROUP, STORED_VERSION = "crd.projectcalico.org", "v1"
"""Where Calico's API server keeps the objects: the same ones are seen in both groups."""
TEXT: Obj = {"type": "string"}
FLAG: Obj = {"type": "boolean"}
SELECTOR: Obj = {"type": "string", "maxLength": 1024}
PORTS: Obj = {
    "type": "array",
    "maxItems": 50,
    "items": {"x-kubernetes-int-or-string": True},
}
PROTOCOL: Obj = {"x-kubernetes-int-or-string": True}
NETS: Obj = {"type": "array", "maxItems": 256, "items": TEXT}
TYPES: Obj = {
    "type": "array",
    "minItems": 1,
    "maxItems": 2,
    "items": {"type": "string", "enum": ["Ingress", "Egress"]},
}
NAME: Obj = {"type": "string", "maxLength": 253}


def _object(*required: str, **properties: Obj) -> Obj:
    return {"type": "object", "properties": properties, "required": list(required)}


END = _object(
    nets=NETS,
    notNets=NETS,
    selector=SELECTOR,
    notSelector=SELECTOR,
    namespaceSelector=SELECTOR,
    services=_object(name=NAME, namespace=NAME),
    ports=PORTS,
    notPorts=PORTS,
    serviceAccounts=_object(names={"type": "array", "items": TEXT}, selector=TEXT),
)
ICMP = _object(
    type={"type": "integer", "minimum": 0, "maximum": 254},
    code={"type": "integer", "minimum": 0, "maximum": 255},
)
PATH = _object(exact=SELECTOR, prefix=SELECTOR)
HTTP = _object(
    methods={"type": "array", "maxItems": 20, "items": TEXT},
    paths={"type": "array", "maxItems": 20, "items": PATH},
)
ANNOTATIONS: Obj = {"type": "object", "additionalProperties": TEXT}
RULE = _object(
    "action",
    action={"type": "string", "enum": ["Allow", "Deny", "Log", "Pass"]},
    ipVersion={"type": "integer", "enum": [4, 6]},
    protocol=PROTOCOL,
    notProtocol=PROTOCOL,
    icmp=ICMP,
    notICMP=ICMP,
    source=END,
    destination=END,
    http=HTTP,
    metadata=_object(annotations=ANNOTATIONS),
)
RULES: Obj = {"type": "array", "maxItems": 1024, "items": RULE}
HINTS: Obj = {"type": "array", "items": {"type": "string", "enum": ["AssumeNeededOnEveryNode"]}}
POLICY: dict[str, Obj] = {
    "tier": {"type": "string", "default": "default"},
    "order": {"type": "number"},
    "ingress": RULES,
    "egress": RULES,
    "selector": SELECTOR,
    "types": TYPES,
    "serviceAccountSelector": SELECTOR,
    "performanceHints": HINTS,
}
GLOBAL = {
    "doNotTrack": FLAG,
    "preDNAT": FLAG,
    "applyOnForward": FLAG,
    "namespaceSelector": SELECTOR,
}
ACTION: Obj = {"type": "string", "enum": ["Pass", "Deny"], "default": "Deny"}
SET = _object(nets={"type": "array", "items": TEXT})


def calico_definitions() -> list[Obj]:
    """NetworkPolicy, GlobalNetworkPolicy, Tier, NetworkSet and GlobalNetworkSet, twice."""
    ordered = [("Tier", "string", "tier"), ("Order", "number", "order")]
    tier = _object(order={"type": "number"}, defaultAction=ACTION)
    named = [("Order", "integer", "order"), ("DefaultAction", "string", "defaultAction")]
    return [
        definition
        for group, version in ((GROUP, VERSION), (STORED_GROUP, STORED_VERSION))
        for definition in (
            _definition(
                group,
                version,
                "NetworkPolicy",
                "networkpolicies",
                ["caliconetworkpolicy"],
                _object(**POLICY),
                ordered,
                scope="Namespaced",
            ),
            _definition(
                group,
                version,
                "GlobalNetworkPolicy",
                "globalnetworkpolicies",
                ["gnp", "cgnp"],
                _object(**POLICY, **GLOBAL),
                ordered,
            ),
            _definition(group, version, "Tier", "tiers", [], tier, named),
            _definition(
                group,
                version,
                "NetworkSet",
                "networksets",
                ["netset", "netsets"],
                SET,
                [],
                scope="Namespaced",
            ),
            _definition(group, version, "GlobalNetworkSet", "globalnetworksets", ["gns"], SET, []),
        )
    ]


def _definition(
    group: str,
    version: str,
    kind: str,
    plural: str,
    short: list[str],
    spec: Obj,
    columns: list[tuple[str, str, str]],
    *,
    scope: str = "Cluster",
) -> Obj:
    schema = {"type": "object", "properties": {"spec": spec}}
    shown = [{"name": n, "type": t, "jsonPath": f".spec.{path}"} for n, t, path in columns]
    shown.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short if group == GROUP else [],
            },
            "scope": scope,
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "additionalPrinterColumns": shown,
                }
            ],
        },
    }


def tiers() -> list[Obj]:
    """Those that every cluster of Calico's has."""
    orders = {"kube-admin": 1_000, "default": 1_000_000, "kube-baseline": 10_000_000}
    return [
        {
            "metadata": {"name": name},
            "spec": {"order": order, "defaultAction": "Deny" if name == "default" else "Pass"},
        }
        for name, order in orders.items()
    ]
