"""
NetworkPolicies out of manifests and API objects, with every mistake that the API server refuses.

Sources: kubernetes/kubernetes pkg/apis/networking/validation/validation.go and v1/defaults.go.
A key that stands twice is not refused here: the last one wins, and the lint says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.documents import Document
from harness.errors import Mistake
from harness.model.story import Protocol
from harness.policy.objects import (
    Direction,
    IpBlock,
    Network,
    Origin,
    PeerClause,
    Policy,
    PortClause,
    Rule,
)
from harness.policy.source import Path, Source, items, mapping, sources, spell_path
from harness.selectors import Selector

GROUP = "networking.k8s.io"
_LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{,61}[A-Za-z0-9])?)?")
_PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Reading:
    """A policy as read; with mistakes the API server would refuse it, and it has no effect."""

    policy: Policy
    mistakes: tuple[Mistake, ...] = ()


def is_policy(source: Source) -> bool:
    return source.kind == "NetworkPolicy" and source.group == GROUP


def parse_policy(
    given: Source | Document | Mapping[str, Any], *, default_namespace: str = "default"
) -> Reading:
    """The policy in a document or API object, read as far as it can be."""
    if not isinstance(given, Source):
        given = next(sources([given]), Source(body={}))
    return _Reader(given, default_namespace).read()


@dataclass(slots=True)
class _Reader:
    source: Source
    default_namespace: str
    mistakes: list[Mistake] = field(default_factory=list)

    def read(self) -> Reading:
        spec = self.source.spec
        if not isinstance(self.source.body.get("spec", {}), Mapping):
            self._wrong(("spec",), "must be a mapping")
        policy = Policy(
            namespace=self.source.namespace(self.default_namespace),
            name=self.source.name,
            origin=self._origin(()),
            selector=self._selector(spec.get("podSelector"), ("spec", "podSelector")) or {},
            directions=self._directions(spec),
            ingress=self._rules(spec, Direction.INGRESS),
            egress=self._rules(spec, Direction.EGRESS),
        )
        if not policy.name:
            self._wrong(("metadata",), "a policy needs a name")
        return Reading(policy, tuple(self.mistakes))

    def _wrong(self, path: Path, message: str, hint: str = "") -> None:
        self.mistakes.append(self.source.mistake(path, message, hint))

    def _origin(self, path: Path) -> Origin:
        name = f"{self.source.namespace(self.default_namespace)}/{self.source.name}"
        return Origin(name, spell_path(path), self.source.at(*path))

    def _directions(self, spec: Mapping[str, Any]) -> frozenset[Direction]:
        """Without policyTypes: Ingress always, Egress only with an egress rule."""
        stated = items(spec.get("policyTypes"))
        known = {d.value: d for d in Direction}
        for index, word in enumerate(stated):
            if word not in known:
                path = ("spec", "policyTypes", index)
                self._wrong(path, f"{word!r} is neither Ingress nor Egress")
        if stated:
            return frozenset(known[w] for w in stated if w in known)
        egress = {Direction.EGRESS} if items(spec.get("egress")) else set()
        return frozenset({Direction.INGRESS} | egress)

    def _rules(self, spec: Mapping[str, Any], direction: Direction) -> tuple[Rule, ...]:
        rules = self._list(spec, direction.field, ("spec",))
        return tuple(
            self._rule(rule, direction, ("spec", direction.field, index))
            for index, rule in enumerate(rules)
        )

    def _rule(self, rule: Any, direction: Direction, path: Path) -> Rule:
        if rule is not None and not isinstance(rule, Mapping):
            self._wrong(path, "a rule must be a mapping")
        rule = mapping(rule)
        peers = self._list(rule, direction.peers_field, path)
        ports = self._list(rule, "ports", path)
        return Rule(
            direction=direction,
            origin=self._origin(path),
            peers=tuple(
                self._peer(p, (*path, direction.peers_field, i)) for i, p in enumerate(peers)
            ),
            ports=tuple(self._port(p, (*path, "ports", i)) for i, p in enumerate(ports)),
        )

    def _list(self, owner: Mapping[str, Any], key: str, path: Path) -> list[Any]:
        value = owner.get(key)
        if value is not None and not isinstance(value, list):
            self._wrong((*path, key), "must be a list")
        return items(value)

    def _peer(self, peer: Any, path: Path) -> PeerClause:
        peer = mapping(peer)
        clause = PeerClause(
            origin=self._origin(path),
            pod_selector=self._selector(peer.get("podSelector"), (*path, "podSelector")),
            namespace_selector=self._selector(
                peer.get("namespaceSelector"), (*path, "namespaceSelector")
            ),
            ip_block=self._ip_block(peer.get("ipBlock"), (*path, "ipBlock")),
        )
        has_selector = not (clause.pod_selector is None and clause.namespace_selector is None)
        has_block = peer.get("ipBlock") is not None
        if not has_selector and not has_block:
            self._wrong(path, "a peer needs podSelector, namespaceSelector or ipBlock")
        if has_selector and has_block:
            self._wrong(path, "a peer with ipBlock may hold no selector")
        return clause

    def _selector(self, selector: Any, path: Path) -> Selector | None:
        """The selector without what is wrong in it; None if there is none."""
        if selector is None:
            return None
        if not isinstance(selector, Mapping):
            self._wrong(path, "a selector must be a mapping")
            return None
        for key in selector.keys() - {"matchLabels", "matchExpressions"}:
            hint = "write the labels below matchLabels"
            self._wrong((*path, key), f"unknown field {key!r} in a selector", hint)
        labels = self._labels(selector.get("matchLabels"), (*path, "matchLabels"))
        expressions = [
            e
            for i, e in enumerate(items(selector.get("matchExpressions")))
            if self._is_expression(e, (*path, "matchExpressions", i))
        ]
        found = {"matchLabels": labels, "matchExpressions": expressions}
        return {key: value for key, value in found.items() if value}

    def _labels(self, labels: Any, path: Path) -> dict[str, str]:
        if labels is not None and not isinstance(labels, Mapping):
            self._wrong(path, "must be a mapping of labels to values")
        for key, value in mapping(labels).items():
            self._label(key, (*path, key))
            self._value(value, (*path, key))
        return {k: v for k, v in mapping(labels).items() if isinstance(v, str)}

    def _label(self, key: Any, path: Path) -> None:
        if not (isinstance(key, str) and _LABEL_KEY.fullmatch(key)):
            self._wrong(path, f"{key!r} is no label key")

    def _value(self, value: Any, path: Path) -> None:
        if not isinstance(value, str):
            hint = "put it in quotes"
            self._wrong(path, f"a label's value must be a string, not {value!r}", hint)
        elif not _LABEL_VALUE.fullmatch(value):
            self._wrong(path, f"{value!r} is no label value")

    def _is_expression(self, expression: Any, path: Path) -> bool:
        before = len(self.mistakes)
        expression = mapping(expression)
        operator, values = expression.get("operator"), items(expression.get("values"))
        self._label(expression.get("key"), (*path, "key"))
        if operator not in _OPERATORS:
            self._wrong((*path, "operator"), f"must be one of {', '.join(_OPERATORS)}")
        elif operator in ("In", "NotIn") and not values:
            self._wrong(path, f"{operator} needs values")
        elif operator in ("Exists", "DoesNotExist") and values:
            self._wrong((*path, "values"), f"{operator} takes no values")
        for index, value in enumerate(values):
            self._value(value, (*path, "values", index))
        return len(self.mistakes) == before

    def _ip_block(self, block: Any, path: Path) -> IpBlock | None:
        if block is None:
            return None
        block = mapping(block)
        cidr = self._network(block.get("cidr"), (*path, "cidr"))
        excepts = []
        for index, text in enumerate(items(block.get("except"))):
            where = (*path, "except", index)
            if network := self._network(text, where):
                excepts.append(network)
                if cidr and (network == cidr or not _inside(network, cidr)):
                    self._wrong(where, f"{network} is not a part of {cidr}")
        return IpBlock(cidr, tuple(excepts)) if cidr else None

    def _network(self, text: Any, path: Path) -> Network | None:
        try:
            if not isinstance(text, str) or "/" not in text:
                raise ValueError(text)
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            self._wrong(path, f"{text!r} is no address range such as 10.0.0.0/8 or 10.1.2.3/32")
            return None

    def _port(self, port: Any, path: Path) -> PortClause:
        port = mapping(port)
        protocol = port.get("protocol") or "TCP"
        if protocol not in Protocol.__members__:
            self._wrong((*path, "protocol"), f"{protocol!r} is not one of TCP, UDP, SCTP")
        clause = PortClause(
            origin=self._origin(path),
            protocol=Protocol.__members__.get(protocol, Protocol.TCP),
            port=self._number_or_name(port.get("port"), (*path, "port")),
            end_port=port.get("endPort") if isinstance(port.get("endPort"), int) else None,
        )
        self._check_range(clause, port.get("endPort"), (*path, "endPort"))
        return clause

    def _number_or_name(self, port: Any, path: Path) -> int | str | None:
        if port is None:
            return None
        if isinstance(port, str):
            if not _PORT_NAME.fullmatch(port):
                hint = "numbers stand without quotes" if port.isdigit() else ""
                self._wrong(path, f"{port!r} is no port name", hint)
            return port
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            self._wrong(path, f"a port is a name or a number from 1 to 65535, not {port!r}")
            return None
        return port

    def _check_range(self, clause: PortClause, end: Any, path: Path) -> None:
        if end is None:
            return
        if isinstance(end, bool) or not isinstance(end, int) or not 1 <= end <= 65535:
            self._wrong(path, f"must be a number from 1 to 65535, not {end!r}")
        elif not isinstance(clause.port, int):
            self._wrong(path, "needs a numeric port beside it")
        elif end < clause.port:
            self._wrong(path, f"must not be less than port, {clause.port}")


def _inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
