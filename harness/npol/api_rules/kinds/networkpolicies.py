"""
NetworkPolicies: defaults, and what they may say.

Source: kubernetes `pkg/apis/networking/v1/defaults.go` and `.../validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from npol.api_rules import addresses, name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    field_forbidden,
    invalid_value,
    required,
    unsupported,
)
from npol.api_rules.objects import Obj

PROTOCOLS = ("TCP", "UDP", "SCTP")
TYPES = ("Ingress", "Egress")


def default_networkpolicy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def check_networkpolicy(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    wrong = name_validation.selector(spec.get("podSelector"), "spec.podSelector")
    for section, side in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(section) or []):
            field = f"spec.{section}[{i}]"
            for j, port in enumerate(rule.get("ports") or []):
                wrong += _port(port, f"{field}.ports[{j}]")
            for j, peer in enumerate(rule.get(side) or []):
                wrong += _peer(peer, f"{field}.{side}[{j}]")
    return wrong + _types(spec.get("policyTypes") or [])


def _types(types: list[str]) -> list[FieldError]:
    if len(types) > len(TYPES):
        shown = Raw("[]networking.PolicyType{" + ", ".join(f'"{t}"' for t in types) + "}")
        return [
            invalid_value("spec.policyTypes", shown, "may not specify more than two policyTypes")
        ]
    return [
        unsupported(f"spec.policyTypes[{i}]", t, TYPES)
        for i, t in enumerate(types)
        if t not in TYPES
    ]


def _port(port: Obj, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    if port.get("protocol", "TCP") not in PROTOCOLS:
        wrong.append(unsupported(f"{field}.protocol", port["protocol"], PROTOCOLS))
    number, end = port.get("port"), port.get("endPort")
    if isinstance(number, int):
        wrong += name_validation.port(number, f"{field}.port")
        if end is not None and end < number:
            rule = "must be greater than or equal to `port`"
            wrong.append(invalid_value(f"{field}.endPort", number, rule))
        if end is not None:
            wrong += name_validation.port(end, f"{field}.endPort")
        return wrong
    if end is not None:
        state = "is not specified" if number is None else "is non-numeric"
        rule = f"may not be specified when `port` {state}"
        wrong.append(invalid_value(f"{field}.endPort", end, rule))
    return wrong if number is None else wrong + name_validation.port(number, f"{field}.port")


def _peer(peer: Obj, field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    for key in ("podSelector", "namespaceSelector"):
        wrong += name_validation.selector(peer.get(key), f"{field}.{key}")
    if "ipBlock" in peer:
        wrong += _block(peer["ipBlock"], f"{field}.ipBlock")
    if not peer:
        wrong.append(required(field, "must specify a peer"))
    elif len(peer) > 1 and "ipBlock" in peer:
        wrong.append(field_forbidden(field, "may not specify both ipBlock and another peer"))
    return wrong


def _block(block: Obj, field: str) -> list[FieldError]:
    if not block.get("cidr"):
        return [required(f"{field}.cidr")]
    whole = addresses.network(block["cidr"])
    if whole is None:
        return [invalid_value(f"{field}.cidr", block["cidr"], name_validation.CIDR)]
    wrong: list[FieldError] = []
    for i, text in enumerate(block.get("except") or []):
        hole = addresses.network(text)
        if hole is None:
            wrong.append(invalid_value(f"{field}.except[{i}]", text, name_validation.CIDR))
        elif not _is_strictly_in(hole, whole):
            rule = "must be a strict subset of `cidr`"
            wrong.append(invalid_value(f"{field}.except[{i}]", text, rule))
    return wrong


def _is_strictly_in(hole: Any, network: Any) -> bool:
    if hole.version != network.version:
        return False
    return bool(hole.subnet_of(network) and hole.prefixlen > network.prefixlen)
