"""
What one rule of a policy of Calico's may say, and its source and target.

Source: projectcalico/calico libcalico-go/lib/validator/v3 and the rules at the types in
api/pkg/apis/projectcalico/v3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from npol.api_rules import addresses
from npol.api_rules.field_errors import FieldError, field_forbidden, invalid_value, required
from npol.api_rules.objects import Obj
from npol_lab.registry.calico_selectors import parse

Problems = Iterator[FieldError]
LAB = "the lab cannot enforce it"
NO_HTTP = f"{LAB}: it sees packets, not requests"
WITH_PORTS = (6, 17, 132)
ICMP = {1: 4, 58: 6}
"""The IP version of each protocol."""
PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "SCTP": 132, "UDPLite": 136}
NETS = ("nets", "notNets")
_SIDES = (("source", "ingress"), ("destination", "egress"))
"""And the direction whose rules may name a Service there."""


def number_of(protocol: str | int) -> int:
    """0 for what is no protocol."""
    text = str(protocol)
    number = int(text) if text.isdigit() else PROTOCOLS.get(text, 0)
    return number if number < 256 else 0


def check_selector(text: str | None, field: str, *, of_namespaces: bool = False) -> Problems:
    """`of_namespaces`: a rule's, where `global()` may stand, and then alone."""
    try:
        parse(text or "")
    except ValueError as error:
        yield invalid_value(field, text, f"must be a selector: {error}")
        return
    if "global(" in (text or "") and not (of_namespaces and (text or "").strip() == "global()"):
        why = "global() can only be used alone, in the namespaceSelector of a rule"
        yield invalid_value(field, text, why)


def check_rule(rule: Obj, field: str, direction: str, *, namespaced: bool) -> Problems:
    if "http" in rule:
        yield field_forbidden(f"{field}.http", NO_HTTP)
    for key in ("protocol", "notProtocol"):
        if key in rule:
            yield from _protocol(rule[key], rule.get("ipVersion"), f"{field}.{key}")
    for key in ("icmp", "notICMP"):
        if key in rule:
            yield from _icmp(rule, key, f"{field}.{key}")
    yield from _networks(rule, field)
    for side, own in _SIDES:
        end, here = rule.get(side) or {}, f"{field}.{side}"
        yield from _selectors(end, here)
        yield from _ports(end, rule.get("protocol"), here)
        if "services" in end:
            yield from _service(end, here, named=namespaced, allowed=direction == own)


def _protocol(value: str | int, version: int | None, field: str) -> Problems:
    number = number_of(value)
    if number == 0:
        yield invalid_value(field, value, "must be a protocol, or 1 to 255")
    elif version not in (None, ICMP.get(number, version)):
        yield invalid_value(field, value, f"is not of IP version {version}")


def _icmp(rule: Obj, key: str, field: str) -> Problems:
    """Data planes read `notICMP` without its protocol differently, where they take it at all."""
    if number_of(rule.get("protocol", 0)) not in ICMP:
        rules = "requires the protocol ICMP or ICMPv6"
        why = rules if key == "icmp" else f"{LAB}: it {rules}"
        yield field_forbidden(field, why)
    if "code" in rule[key] and "type" not in rule[key]:
        yield invalid_value(f"{field}.code", rule[key]["code"], "a code without a type")


def _networks(rule: Obj, field: str) -> Problems:
    """Those of a rule must be of one IP version."""
    versions = {rule["ipVersion"]} if "ipVersion" in rule else set()
    for side, _ in _SIDES:
        for key in NETS:
            for i, text in enumerate((rule.get(side) or {}).get(key) or []):
                where, net = f"{field}.{side}.{key}[{i}]", addresses.network(text)
                if net is None:
                    yield invalid_value(where, text, "must be a CIDR")
                    continue
                versions.add(net.version)
                if len(versions) > 1:
                    yield invalid_value(where, text, "is not of the rule's other IP version")
                if key == "notNets" and net.prefixlen == 0:
                    yield invalid_value(where, text, "nothing lies outside of it")


def _selectors(end: Obj, field: str) -> Problems:
    for key in ("selector", "notSelector"):
        yield from check_selector(end.get(key), f"{field}.{key}")
    accounts = (end.get("serviceAccounts") or {}).get("selector")
    yield from check_selector(accounts, f"{field}.serviceAccounts.selector")
    spaces = end.get("namespaceSelector")
    yield from check_selector(spaces, f"{field}.namespaceSelector", of_namespaces=True)


def _ports(end: Obj, protocol: str | int | None, field: str) -> Problems:
    for key in ("ports", "notPorts"):
        ports: Sequence[Any] = end.get(key) or ()
        spans = [span_of(port) for port in ports]
        for i, (port, span) in enumerate(zip(ports, spans, strict=True)):
            if span is not None and not 1 <= span[0] <= span[1] <= 65535:
                yield invalid_value(f"{field}.{key}[{i}]", port, "must be 1 to 65535, in order")
        numbered = any(span is not None for span in spans)
        speaks = protocol is not None and number_of(protocol) in WITH_PORTS
        if ports and not speaks and (numbered or protocol is not None):
            why = "requires the protocol TCP, UDP or SCTP"
            yield invalid_value(f"{field}.{key}", list(ports), why)


def span_of(port: str | int) -> tuple[int, int] | None:
    """First and last port of `80` or `8000:9000`; None for a name."""
    first, colon, last = str(port).partition(":")
    if first.isdigit() and (last.isdigit() or not colon):
        return int(first), int(last or first)
    return None


def _service(end: Obj, field: str, *, named: bool, allowed: bool) -> Problems:
    """`named`: its namespace may be that of the policy."""
    service = end["services"]
    if not allowed:
        yield field_forbidden(f"{field}.services", "not on this side of a rule of this direction")
    if not service.get("name"):
        yield required(f"{field}.services.name", "must specify a service name")
    if not (named or service.get("namespace")):
        yield required(f"{field}.services.namespace", "must specify a namespace")
    others = (*NETS, "selector", "notSelector", "namespaceSelector", "serviceAccounts")
    clashing = [key for key in others if end.get(key) or (key == "serviceAccounts" and key in end)]
    if field.endswith("destination"):
        clashing += [key for key in ("ports", "notPorts") if end.get(key)]
    for key in clashing:
        yield field_forbidden(f"{field}.{key}", "cannot be specified with services")
