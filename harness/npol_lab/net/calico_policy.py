"""
One policy of Calico's own kinds, read for the lab alone: which pods it is about, and its rules.

Source: projectcalico/calico, the types in api/pkg/apis/projectcalico/v3, and what becomes of
selectors on their way to the nodes (libcalico-go/lib/backend/syncersv1/updateprocessors).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from npol_lab.net.policy import Direction, name_of
from npol_lab.net.tier_policy import Action
from npol_lab.registry.calico_rule_checks import number_of, span_of
from npol_lab.registry.calico_selectors import (
    Both,
    Compared,
    Has,
    Not,
    Selector,
    parse,
    rewritten,
)

Obj = dict[str, Any]

NAMESPACE = "projectcalico.org/namespace"
ACCOUNT = "projectcalico.org/serviceaccount"
ORCHESTRATOR = "projectcalico.org/orchestrator"
NAME = "projectcalico.org/name"
OF_NAMESPACE = "pcns."
"""What a namespace's labels begin with where its pods inherit them."""
OF_ACCOUNT = "pcsa."
"""The same for the labels of a pod's service account."""
DEFAULT_TIER = "default"
_IN_NAMESPACE = Has(NAMESPACE)
_ACTIONS: Mapping[str, Action] = {"Allow": "accept", "Deny": "deny", "Pass": "pass"}


@dataclass(frozen=True, slots=True)
class Ports:
    """Any of these numbers (first and last of each range) or names."""

    ranges: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ranges or self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a rule wants of a packet's source, or of its target. All of it must hold."""

    selector: Selector | None = None
    """Of pods and network sets."""
    without: Selector | None = None
    """The packet's end may be anything else, also no pod at all."""
    nets: tuple[str, ...] = ()
    not_nets: tuple[str, ...] = ()
    ports: Ports = Ports()
    not_ports: Ports = Ports()
    service: tuple[str, str] | None = None
    """Namespace and name."""


@dataclass(frozen=True, slots=True)
class Icmp:
    type: int | None
    code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    action: Action
    version: int | None = None
    """The only IP version that it is about."""
    protocol: int | None = None
    not_protocol: int | None = None
    icmp: Icmp | None = None
    not_icmp: Icmp | None = None
    source: End
    target: End


@dataclass(slots=True, kw_only=True)
class CalicoPolicy:
    """Independent of which pods and network sets there are."""

    name: str
    namespace: str
    """"" for a GlobalNetworkPolicy."""
    uid: str
    kind: str
    tier: str
    order: float
    subject: Selector
    rules: dict[Direction, tuple[Rule, ...]] = field(default_factory=dict)
    """Of the directions that it is in force for."""

    @property
    def place(self) -> tuple[float, str]:
        """Where it stands in its tier."""
        return self.order, f"{self.name}/{self.namespace}/{self.kind}"

    def log_name(self, direction: Direction, action: Action) -> str:
        """What is shown of a packet that one of its rules decides."""
        return name_of(f"tier_{direction}_{action}", self.uid)


def compile_calico_policy(kind: str, obj: Obj) -> CalicoPolicy:
    """
    Raises:
        ValueError: a selector, port or protocol that no API server lets in.
    """
    spec, metadata = obj["spec"], obj["metadata"]
    namespace = metadata.get("namespace") or ""
    order = spec.get("order")
    policy = CalicoPolicy(
        name=metadata["name"],
        namespace=namespace,
        uid=metadata["uid"],
        kind=kind,
        tier=spec.get("tier") or DEFAULT_TIER,
        order=math.inf if order is None else float(order),
        subject=_subject(spec, namespace),
    )
    for direction in _types(spec):
        rules = spec.get(direction) or []
        policy.rules[direction] = tuple(_rules(rules, namespace))
    return policy


def _types(spec: Obj) -> list[Direction]:
    """The API server stores `types` in full; this is its default for data without."""
    ingress, egress = spec.get("ingress"), spec.get("egress")
    stated = spec.get("types") or [
        *(["Ingress"] if ingress or not egress else []),
        *(["Egress"] if egress else []),
    ]
    known: tuple[Direction, ...] = ("ingress", "egress")
    return [d for d in known if d.capitalize() in stated]


def _subject(spec: Obj, namespace: str) -> Selector:
    parts = [parse(spec.get("selector") or "")]
    if namespace:
        parts.append(Compared(NAMESPACE, "==", (namespace,)))
    elif spec.get("namespaceSelector"):
        parts.append(_of_namespaces(spec["namespaceSelector"]))
    if spec.get("serviceAccountSelector"):
        parts.append(_of_accounts(spec["serviceAccountSelector"]))
    return _all_of(parts)


def _of_namespaces(text: str) -> Selector:
    words: dict[str, Selector] = {"all": _IN_NAMESPACE, "global": Not(_IN_NAMESPACE)}
    return rewritten(parse(text), OF_NAMESPACE, words)


def _of_accounts(text: str) -> Selector:
    return rewritten(parse(text), OF_ACCOUNT, {"all": Has(ACCOUNT)})


def _all_of(parts: Sequence[Selector]) -> Selector:
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _rules(rules: Iterable[Obj], namespace: str) -> Iterator[Rule]:
    """Log only tells of a packet, and it goes on to the next rule: the lab leaves it out."""
    for rule in rules:
        if rule["action"] == "Log":
            continue
        yield Rule(
            action=_ACTIONS[rule["action"]],
            version=rule.get("ipVersion"),
            protocol=_protocol(rule.get("protocol")),
            not_protocol=_protocol(rule.get("notProtocol")),
            icmp=_icmp(rule.get("icmp")),
            not_icmp=_icmp(rule.get("notICMP")),
            source=_end(rule.get("source") or {}, namespace),
            target=_end(rule.get("destination") or {}, namespace),
        )


def _protocol(value: str | int | None) -> int | None:
    number = None if value is None else number_of(value)
    if number == 0:
        raise ValueError(f"protocol must be a name or 1 to 255, got {value!r}")
    return number


def _icmp(value: Obj | None) -> Icmp | None:
    return None if value is None else Icmp(value.get("type"), value.get("code"))


def _end(value: Obj, namespace: str) -> End:
    selector, denied = _selected(value, namespace), value.get("notSelector")
    without = parse(denied) if denied else None
    if selector is not None and without is not None:
        selector, without = Both((selector, Not(without))), None
    service = value.get("services")
    return End(
        selector=selector,
        without=without,
        nets=tuple(value.get("nets") or ()),
        not_nets=tuple(value.get("notNets") or ()),
        ports=_ports(value.get("ports") or ()),
        not_ports=_ports(value.get("notPorts") or ()),
        service=(service.get("namespace") or namespace, service["name"]) if service else None,
    )


def _selected(value: Obj, namespace: str) -> Selector | None:
    """
    Which pods and network sets are meant; None: the end may be anything.

    A namespaced policy means its own namespace as soon as anything is said of labels.
    """
    accounts = value.get("serviceAccounts") or {}
    parts = []
    if accounts.get("selector"):
        parts.append(_of_accounts(accounts["selector"]))
    if accounts.get("names"):
        parts.append(Compared(ACCOUNT, "in", tuple(accounts["names"])))
    if value.get("selector"):
        parts.append(parse(value["selector"]))
    if value.get("namespaceSelector"):
        parts.append(_of_namespaces(value["namespaceSelector"]))
    elif namespace and (parts or value.get("notSelector")):
        parts.append(Compared(NAMESPACE, "==", (namespace,)))
    return _all_of(parts) if parts else None


def _ports(values: Iterable[str | int]) -> Ports:
    spans = [(value, span_of(value)) for value in values]
    ranges = tuple(span for _, span in spans if span is not None)
    if any(not 1 <= first <= last <= 65535 for first, last in ranges):
        raise ValueError(f"ports must be 1 to 65535, got {ranges}")
    return Ports(ranges, tuple(str(value) for value, span in spans if span is None))
