"""
NetworkPolicies out of manifests and API objects, with every mistake that the API server refuses.

Sources: kubernetes/kubernetes pkg/apis/networking/validation/validation.go and v1/defaults.go.
Unknown fields count as refused, as with kubectl's strict validation. A key that stands twice
does not: the last one wins, and the lint says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import (
    Direction,
    IpBlock,
    Network,
    Origin,
    PeerClause,
    Policy,
    PortClause,
    Rule,
)
from npol.policy.parse.object_source import Path, Source, items, sources, spell_path
from npol.policy.parse.parse_selectors import read_selector
from npol.policy.parse.validation_errors import Refusal, Refusals
from npol.yaml_positions import Document

GROUP = "networking.k8s.io"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """A policy as read; with mistakes the API server would refuse it, and it has no effect."""

    policy: Policy
    mistakes: tuple[Refusal, ...] = ()


def is_policy(source: Source) -> bool:
    return source.kind == "NetworkPolicy" and source.group == GROUP


def parse_policy(
    given: Source | Document | Mapping[str, Any], *, default_namespace: str = "default"
) -> ParsedPolicy:
    """The policy in a document or API object, read as far as it can be."""
    if not isinstance(given, Source):
        given = next(sources([given]), Source(body={}))
    return _PolicyReader(given, default_namespace).read()


class _PolicyReader:
    def __init__(self, source: Source, default_namespace: str) -> None:
        self._source = source
        self._namespace = source.namespace(default_namespace)
        self._refusals = Refusals(source)
        self._wrong = self._refusals.wrong

    def read(self) -> ParsedPolicy:
        self._check_names()
        spec = self._refusals.mapping_of(self._source.body.get("spec"), ("spec",))
        self._refusals.fields(spec, ("spec",), ("podSelector", "policyTypes", "ingress", "egress"))
        where = ("spec", "podSelector")
        policy = Policy(
            namespace=self._namespace,
            name=self._source.name,
            origin=self._origin(()),
            selector=read_selector(self._refusals, spec.get("podSelector"), where) or {},
            directions=self._directions(spec),
            ingress=self._rules(spec, Direction.INGRESS),
            egress=self._rules(spec, Direction.EGRESS),
        )
        return ParsedPolicy(policy, tuple(self._refusals.found))

    def _check_names(self) -> None:
        top = ("apiVersion", "kind", "metadata", "spec", "status")
        self._refusals.fields(self._source.body, (), top)
        for key in ("name", "namespace"):
            value = self._source.metadata.get(key)
            if value is not None and not isinstance(value, str):
                hint = "put it in quotes: YAML reads words such as y, no and on as booleans"
                self._wrong(("metadata", key), f"must be a string, not {value!r}", hint)
            elif value and not _NAME.fullmatch(value):
                self._wrong(
                    ("metadata", key), f"not a valid name: {value!r} (a-z, 0-9, - and . only)"
                )
        if not self._source.name and not self._source.metadata.get("generateName"):
            self._wrong(("metadata",), "a policy needs a name")

    def _origin(self, path: Path) -> Origin:
        name = f"{self._namespace}/{self._source.name}"
        return Origin(name, spell_path(path), self._source.at(*path))

    def _directions(self, spec: Mapping[str, Any]) -> frozenset[Direction]:
        """Without policyTypes: Ingress always, Egress only with an egress rule."""
        stated = self._refusals.list_of(spec, "policyTypes", ("spec",))
        known = {d.value: d for d in Direction}
        if len(stated) > len(known):
            self._wrong(("spec", "policyTypes"), "may not name more than two policyTypes")
        for index, word in enumerate(stated):
            if not isinstance(word, str) or word not in known:
                path = ("spec", "policyTypes", index)
                self._wrong(path, f"{word!r} is neither Ingress nor Egress")
        if stated:
            return frozenset(known[w] for w in stated if isinstance(w, str) and w in known)
        egress = {Direction.EGRESS} if items(spec.get("egress")) else set()
        return frozenset({Direction.INGRESS} | egress)

    def _rules(self, spec: Mapping[str, Any], direction: Direction) -> tuple[Rule, ...]:
        rules = self._refusals.list_of(spec, direction.field, ("spec",))
        return tuple(
            self._rule(rule, direction, ("spec", direction.field, index))
            for index, rule in enumerate(rules)
        )

    def _rule(self, value: Any, direction: Direction, path: Path) -> Rule:
        rule = self._refusals.mapping_of(value, path)
        self._refusals.fields(rule, path, (direction.peers_field, "ports"))
        peers = self._refusals.list_of(rule, direction.peers_field, path)
        ports = self._refusals.list_of(rule, "ports", path)
        return Rule(
            direction=direction,
            origin=self._origin(path),
            peers=tuple(
                self._peer(p, (*path, direction.peers_field, i)) for i, p in enumerate(peers)
            ),
            ports=tuple(self._port(p, (*path, "ports", i)) for i, p in enumerate(ports)),
        )

    def _peer(self, value: Any, path: Path) -> PeerClause:
        peer = self._refusals.mapping_of(value, path)
        self._refusals.fields(peer, path, ("podSelector", "namespaceSelector", "ipBlock"))
        pods, namespaces = (
            read_selector(self._refusals, peer.get(key), (*path, key))
            for key in ("podSelector", "namespaceSelector")
        )
        has_selector = not (pods is None and namespaces is None)
        has_block = peer.get("ipBlock") is not None
        if not has_selector and not has_block:
            self._wrong(path, "a peer needs podSelector, namespaceSelector or ipBlock")
        if has_selector and has_block:
            self._wrong(path, "a peer with ipBlock may hold no selector")
        return PeerClause(
            origin=self._origin(path),
            pod_selector=pods,
            namespace_selector=namespaces,
            ip_block=self._ip_block(peer.get("ipBlock"), (*path, "ipBlock")),
        )

    def _ip_block(self, value: Any, path: Path) -> IpBlock | None:
        if value is None:
            return None
        block = self._refusals.mapping_of(value, path)
        self._refusals.fields(block, path, ("cidr", "except"))
        cidr = self._network(block.get("cidr"), (*path, "cidr"))
        excepts = []
        for index, text in enumerate(self._refusals.list_of(block, "except", path)):
            where = (*path, "except", index)
            if network := self._network(text, where):
                excepts.append(network)
                if cidr and not _strictly_inside(network, cidr):
                    self._wrong(where, f"{network} is not a part of {cidr}")
        return IpBlock(cidr, tuple(excepts)) if cidr else None

    def _network(self, text: Any, path: Path) -> Network | None:
        try:
            if not isinstance(text, str) or "/" not in text:
                raise ValueError(text)
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            self._wrong(
                path, f"not a valid address range: {text!r} (such as 10.0.0.0/8 or 10.1.2.3/32)"
            )
            return None

    def _port(self, value: Any, path: Path) -> PortClause:
        port = self._refusals.mapping_of(value, path)
        self._refusals.fields(port, path, ("protocol", "port", "endPort"))
        protocol = port.get("protocol")
        protocol = "TCP" if protocol is None else protocol
        if not isinstance(protocol, str) or protocol not in Protocol.__members__:
            self._wrong((*path, "protocol"), f"{protocol!r} is not one of TCP, UDP, SCTP")
        number = self._number_or_name(port.get("port"), (*path, "port"))
        end = self._end_port(port.get("endPort"), number, (*path, "endPort"))
        return PortClause(
            origin=self._origin(path),
            protocol=Protocol.__members__.get(str(protocol), Protocol.TCP),
            port=number,
            end_port=end,
        )

    def _number_or_name(self, port: Any, path: Path) -> int | str | None:
        if port is None:
            return None
        if isinstance(port, str):
            if not _PORT_NAME.fullmatch(port):
                hint = "numbers stand without quotes" if port.isdigit() else ""
                self._wrong(path, f"not a valid port name: {port!r}", hint)
            return port
        if not _is_port(port):
            self._wrong(path, f"a port is a name or a number from 1 to 65535, not {port!r}")
            return None
        return int(port)

    def _end_port(self, end: Any, port: int | str | None, path: Path) -> int | None:
        if end is None:
            return None
        if not _is_port(end):
            self._wrong(path, f"must be a number from 1 to 65535, not {end!r}")
            return None
        if not isinstance(port, int):
            self._wrong(path, "needs a numeric port beside it")
        elif end < port:
            self._wrong(path, f"must not be less than port, {port}")
        return int(end)


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def _strictly_inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner != outer and inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner != outer and inner.subnet_of(outer)
    return False
