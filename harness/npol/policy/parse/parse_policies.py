"""
NetworkPolicies out of manifests and API objects, with every mistake that the API server refuses.

What it takes is read from what it would keep: nulls are gone, and its defaults are filled in. A key
that stands twice is no mistake here: the last one wins, and the lint says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.api_rules import addresses
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
from npol.policy.parse.object_source import Path, Source, sources, spell_path
from npol.policy.parse.server_review import reviewed
from npol.policy.parse.validation_errors import Refusal
from npol.selectors import Selector
from npol.yaml_positions import Document

GROUP = "networking.k8s.io"


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """A policy as read; with mistakes the API server would refuse it, and it has no effect."""

    policy: Policy
    mistakes: tuple[Refusal, ...] = ()
    """Then the policy has a name and a place, and nothing else."""


def is_policy(source: Source) -> bool:
    return source.kind == "NetworkPolicy" and source.group == GROUP


def parse_policy(
    given: Source | Document | Mapping[str, Any], *, default_namespace: str = "default"
) -> ParsedPolicy:
    """The policy in a document or API object, if an API server takes it."""
    if not isinstance(given, Source):
        given = next(sources([given]), Source(body={}))
    source = given
    return source.once((ParsedPolicy, default_namespace), lambda: _read(source, default_namespace))


def _read(source: Source, default_namespace: str) -> ParsedPolicy:
    answer, refusals = reviewed(source)
    spec = answer.object["spec"] if answer.object else {}
    return ParsedPolicy(_PolicyReader(source, default_namespace).read(spec), refusals)


class _PolicyReader:
    """Reads what the API server would keep."""

    def __init__(self, source: Source, default_namespace: str) -> None:
        self._source = source
        self._namespace = source.namespace(default_namespace)

    def read(self, spec: Mapping[str, Any]) -> Policy:
        return Policy(
            namespace=self._namespace,
            name=self._source.name,
            origin=self._origin(()),
            selector=_selector(spec.get("podSelector")) or {},
            directions=frozenset(Direction(word) for word in spec.get("policyTypes", ())),
            ingress=self._rules(spec, Direction.INGRESS),
            egress=self._rules(spec, Direction.EGRESS),
        )

    def _origin(self, path: Path) -> Origin:
        name = f"{self._namespace}/{self._source.name}"
        return Origin(name, spell_path(path), self._source.at(*path))

    def _rules(self, spec: Mapping[str, Any], direction: Direction) -> tuple[Rule, ...]:
        return tuple(
            self._rule(rule, direction, ("spec", direction.field, index))
            for index, rule in enumerate(spec.get(direction.field, ()))
        )

    def _rule(self, rule: Mapping[str, Any], direction: Direction, path: Path) -> Rule:
        key = direction.peers_field
        return Rule(
            direction=direction,
            origin=self._origin(path),
            peers=tuple(self._peer(p, (*path, key, i)) for i, p in enumerate(rule.get(key, ()))),
            ports=tuple(
                self._port(p, (*path, "ports", i)) for i, p in enumerate(rule.get("ports", ()))
            ),
        )

    def _peer(self, peer: Mapping[str, Any], path: Path) -> PeerClause:
        return PeerClause(
            origin=self._origin(path),
            pod_selector=_selector(peer.get("podSelector")),
            namespace_selector=_selector(peer.get("namespaceSelector")),
            ip_block=_ip_block(peer.get("ipBlock")),
        )

    def _port(self, port: Mapping[str, Any], path: Path) -> PortClause:
        return PortClause(
            origin=self._origin(path),
            protocol=Protocol[port["protocol"]],
            port=port.get("port"),
            end_port=port.get("endPort"),
        )


def _selector(selector: Mapping[str, Any] | None) -> Selector | None:
    """None if there is none: an empty one selects everything."""
    return None if selector is None else dict(selector)


def _ip_block(block: Mapping[str, Any] | None) -> IpBlock | None:
    if block is None:
        return None
    return IpBlock(_network(block["cidr"]), tuple(map(_network, block.get("except", ()))))


def _network(text: str) -> Network:
    """What a validated CIDR means: leading zeros are decimal, bits behind the prefix no matter."""
    network = addresses.network(text)
    assert network is not None, f"not validated: {text}"
    return network
