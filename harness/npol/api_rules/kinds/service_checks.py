"""
What Services may say, and what may not change in them.

Source: kubernetes `pkg/apis/core/validation/validation.go`, ValidateService.
"""

from __future__ import annotations

import json
from typing import Any

from npol.api_rules import addresses, name_validation
from npol.api_rules.field_errors import (
    FieldError,
    Raw,
    duplicate,
    field_forbidden,
    invalid_value,
    required,
    unsupported,
)
from npol.api_rules.kinds.service_families import check_families, check_family_update
from npol.api_rules.kinds.services import HEADLESS
from npol.api_rules.objects import Obj

PROTOCOLS = ("SCTP", "TCP", "UDP")
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
MAX_AFFINITY_SECONDS = 86_400


def check_service(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    kind, ports = spec.get("type", ""), spec.get("ports") or []
    headless = spec.get("clusterIP") == HEADLESS or HEADLESS in (spec.get("clusterIPs") or [])
    wrong: list[FieldError] = []
    if not ports and not headless and kind != "ExternalName":
        wrong.append(required("spec.ports"))
    if headless and kind in ("LoadBalancer", "NodePort"):
        rule = f"may not be set to 'None' for {kind} services"
        wrong.append(invalid_value("spec.clusterIPs[0]", HEADLESS, rule))
    if kind == "ExternalName":
        wrong += _external(spec)
    wrong += _ports(ports)
    wrong += name_validation.labels(spec.get("selector") or {}, "spec.selector")
    wrong += _affinity(spec)
    if kind not in TYPES:
        wrong.append(unsupported("spec.type", kind, TYPES))
    wrong += _outside(spec) + _node_ports(spec, ports)
    return wrong + _duplicates(ports) + _policies(spec)


def _external(spec: Obj) -> list[FieldError]:
    given = [k for k in ("clusterIPs", "ipFamilies", "ipFamilyPolicy") if spec.get(k)]
    rule = "may not be set for ExternalName services"
    wrong = [field_forbidden(f"spec.{k}", rule) for k in given]
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        return [*wrong, required("spec.externalName")]
    return wrong + [
        invalid_value("spec.externalName", name, m) for m in name_validation.dns_subdomain(name)
    ]


def _ports(ports: list[Obj]) -> list[FieldError]:
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for i, port in enumerate(ports):
        field, name = f"spec.ports[{i}]", port.get("name", "")
        if not name and len(ports) > 1:
            wrong.append(required(f"{field}.name"))
        wrong += [
            invalid_value(f"{field}.name", name, m)
            for m in (name_validation.dns_label(name) if name else [])
        ]
        if name in seen:
            wrong.append(duplicate(f"{field}.name", name))
        seen |= {name} if name else set()
        wrong += name_validation.port(port.get("port", 0), f"{field}.port")
        if port.get("protocol") not in PROTOCOLS:
            wrong.append(unsupported(f"{field}.protocol", port.get("protocol"), PROTOCOLS))
        wrong += name_validation.port(port.get("targetPort", 0), f"{field}.targetPort")
        protocol = port.get("appProtocol")
        messages = name_validation.qualified_name(protocol) if protocol is not None else []
        wrong += [invalid_value(f"{field}.appProtocol", protocol, m) for m in messages]
    return wrong


def _affinity(spec: Obj) -> list[FieldError]:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    if kind not in ("ClientIP", "None"):
        return [unsupported("spec.sessionAffinity", kind, ["ClientIP", "None"])]
    if kind == "None":
        return []
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds", 0)
    if 0 < seconds <= MAX_AFFINITY_SECONDS:
        return []
    field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
    return [
        invalid_value(
            field, seconds, f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
        )
    ]


def _outside(spec: Obj) -> list[FieldError]:
    wrong: list[FieldError] = []
    for i, address in enumerate(spec.get("externalIPs") or []):
        wrong += name_validation.outside_ip(address, f"spec.externalIPs[{i}]")
    ranges, field = spec.get("loadBalancerSourceRanges") or [], "spec.LoadBalancerSourceRanges"
    if ranges and spec.get("type") != "LoadBalancer":
        rule = "may only be used when `type` is 'LoadBalancer'"
        return [*wrong, field_forbidden(field, rule)]
    return wrong + [
        invalid_value(f"{field}[{i}]", text, name_validation.CIDR)
        for i, text in enumerate(ranges)
        if addresses.network(text.strip()) is None
    ]


def _node_ports(spec: Obj, ports: list[Obj]) -> list[FieldError]:
    if spec.get("type") != "ClusterIP":
        return []
    rule = "may not be used when `type` is 'ClusterIP'"
    return [
        field_forbidden(f"spec.ports[{i}].nodePort", rule)
        for i, p in enumerate(ports)
        if p.get("nodePort")
    ]


def _duplicates(ports: list[Obj]) -> list[FieldError]:
    wrong: list[FieldError] = []
    nodes: set[Any] = set()
    own: set[Any] = set()
    for i, port in enumerate(ports):
        node = port.get("nodePort")
        if node and (node, port.get("protocol")) in nodes:
            wrong.append(duplicate(f"spec.ports[{i}].nodePort", node))
        nodes.add((node, port.get("protocol")))
    for i, port in enumerate(ports):
        key = (port.get("port"), port.get("protocol"))
        if key in own:
            wrong.append(duplicate(f"spec.ports[{i}]", Raw(_go_port(port))))
        own.add(key)
    return wrong


def _go_port(port: Obj) -> str:
    return (
        f'core.ServicePort{{Name:"", Protocol:{json.dumps(port.get("protocol"))}, '
        f"AppProtocol:(*string)(nil), Port:{port.get('port')}, TargetPort:intstr.IntOrString"
        '{Type:0, IntVal:0, StrVal:""}, NodePort:0}'
    )


def _policies(spec: Obj) -> list[FieldError]:
    wrong: list[FieldError] = []
    kind = spec.get("type")
    if "allocateLoadBalancerNodePorts" in spec and kind != "LoadBalancer":
        rule = "may only be used when `type` is 'LoadBalancer'"
        wrong.append(field_forbidden("spec.allocateLoadBalancerNodePorts", rule))
    external = spec.get("externalTrafficPolicy")
    if external is not None and kind == "ClusterIP" and not spec.get("externalIPs"):
        rule = "may only be set for externally-accessible services"
        wrong.append(invalid_value("spec.externalTrafficPolicy", external, rule))
    known = ("Cluster", "Local")
    for key in ("externalTrafficPolicy", "internalTrafficPolicy"):
        if key in spec and spec[key] not in known:
            wrong.append(unsupported(f"spec.{key}", spec[key], known))
    return wrong + check_families(spec)


def check_service_update(new: Obj, old: Obj) -> list[FieldError]:
    after, before = new["spec"], old["spec"]
    if "ExternalName" in (after.get("type"), before.get("type")):
        return []
    return check_family_update(after, before)
