"""
ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy out of manifests.

What their custom resource definitions refuse counts as refused here. Sources:
kubernetes-sigs/network-policy-api apis/v1alpha2/clusternetworkpolicy_types.go (v0.2.0) and
apis/v1alpha1/{adminnetworkpolicy,baselineadminnetworkpolicy,shared}_types.go (v0.1.7).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.model.change import Manifest
from npol.model.policy_kinds import POLICY_API, other_policy_kind
from npol.policy.objects.netpol_types import Direction, IpBlock, Origin
from npol.policy.objects.tier_types import (
    RuleAction,
    Subject,
    Tier,
    TierPeer,
    TierPolicy,
    TierRule,
)
from npol.policy.parse.object_source import Path, Source, mapping, sources, spell_path
from npol.policy.parse.parse_selectors import read_selector
from npol.policy.parse.parse_tier_ports import TierPortReader
from npol.policy.parse.validation_errors import Refusal, Refusals

MOST_PRIORITY = 1000
HIGHEST_PRIORITY = dict.fromkeys(("ClusterNetworkPolicy", "AdminNetworkPolicy"), MOST_PRIORITY)
"""Kind -> the last place in the order; the other kind has one object, and so no order."""
_ACTIONS = {
    "ClusterNetworkPolicy": {
        "Accept": RuleAction.ACCEPT,
        "Deny": RuleAction.DENY,
        "Pass": RuleAction.PASS,
    },
    "AdminNetworkPolicy": {
        "Allow": RuleAction.ACCEPT,
        "Deny": RuleAction.DENY,
        "Pass": RuleAction.PASS,
    },
    "BaselineAdminNetworkPolicy": {"Allow": RuleAction.ACCEPT, "Deny": RuleAction.DENY},
}
_MOST_RULES = {"ClusterNetworkPolicy": 25}
_POD_PEERS = ("namespaces", "pods")
_OUTER_PEERS = ("nodes", "networks", "domainNames")
_NAMED_PORTS = ("destinationNamedPort", "namedPort")


@dataclass(frozen=True, slots=True)
class ParsedTierPolicy:
    """A policy as read; with mistakes the API server would refuse it, and it has no effect."""

    policy: TierPolicy
    mistakes: tuple[Refusal, ...] = ()


def is_tier_policy(source: Source) -> bool:
    """Whether it is of a kind, in a version, that is read here; in others fields may differ."""
    kind = other_policy_kind(POLICY_API, source.kind)
    return kind is not None and source.api_version == kind.api_version


def parse_tier_policy(source: Source) -> ParsedTierPolicy:
    """The policy in an object, read as far as it can be."""
    return source.once(ParsedTierPolicy, _TierReader(source).read)


def action_words(kind: str) -> Mapping[RuleAction, str]:
    """The actions that a kind knows, as it spells them."""
    return {action: word for word, action in _ACTIONS[kind].items()}


def subject_of(manifest: Manifest) -> Subject | None:
    """Whom a manifest of these kinds acts on; None for all other kinds."""
    source = next(sources([manifest]), None)
    return parse_tier_policy(source).policy.subject if source and is_tier_policy(source) else None


class _TierReader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._kind = source.kind
        self._refusals = Refusals(source)
        self._wrong = self._refusals.wrong
        self._rules = _RuleReader(source, self._refusals)

    def read(self) -> ParsedTierPolicy:
        spec = self._refusals.mapping_of(self._source.body.get("spec"), ("spec",))
        self._refusals.fields(spec, ("spec",), self._fields())
        policy = TierPolicy(
            kind=self._kind,
            group=POLICY_API,
            name=self._source.name,
            origin=self._rules.origin(()),
            tier=self._tier(spec),
            priority=self._priority(spec),
            subject=self._subject(spec.get("subject")),
            ingress=self._rules.read(spec, Direction.INGRESS),
            egress=self._rules.read(spec, Direction.EGRESS),
        )
        return ParsedTierPolicy(policy, tuple(self._refusals.found))

    def _fields(self) -> tuple[str, ...]:
        own = {
            "ClusterNetworkPolicy": ("tier", "priority"),
            "AdminNetworkPolicy": ("priority",),
        }
        return (*own.get(self._kind, ()), "subject", "ingress", "egress")

    def _tier(self, spec: Mapping[str, Any]) -> Tier:
        if self._kind == "AdminNetworkPolicy":
            return Tier.ADMIN
        if self._kind == "BaselineAdminNetworkPolicy":
            if self._source.name != "default":
                self._wrong(("metadata", "name"), "the only name for this kind is `default`")
            return Tier.BASELINE
        word = spec.get("tier")
        if word not in {t.value for t in Tier}:
            self._wrong(("spec", "tier"), f"must be Admin or Baseline, not {word!r}")
            return Tier.ADMIN
        return Tier(word)

    def _priority(self, spec: Mapping[str, Any]) -> int:
        if self._kind == "BaselineAdminNetworkPolicy":
            return 0
        value = spec.get("priority")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 0 <= int(value or 0) <= MOST_PRIORITY:
            path = ("spec", "priority")
            self._wrong(path, f"must be a number from 0 to {MOST_PRIORITY}, not {value!r}")
            return 0
        return int(value or 0)

    def _subject(self, value: Any) -> Subject:
        path: Path = ("spec", "subject")
        subject = self._refusals.one_of(value, path, _POD_PEERS)
        return self._rules.pods_of(subject, path) or Subject(namespaces={})


class _RuleReader:
    """The rules of a policy, and what selects pods in it."""

    def __init__(self, source: Source, refusals: Refusals) -> None:
        self._source = source
        self._kind = source.kind
        self._actions = _ACTIONS[source.kind]
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._ports = TierPortReader(refusals, self.origin)

    def origin(self, path: Path) -> Origin:
        return Origin(self._source.name, spell_path(path), self._source.at(*path), kind=self._kind)

    def read(self, spec: Mapping[str, Any], direction: Direction) -> tuple[TierRule, ...]:
        path: Path = ("spec", direction.field)
        rules = self._refusals.list_of(spec, direction.field, ("spec",))
        most = _MOST_RULES.get(self._kind, 100)
        if len(rules) > most:
            self._wrong(path, f"may hold at most {most} rules, not {len(rules)}")
        return tuple(self._rule(rule, direction, (*path, n)) for n, rule in enumerate(rules))

    def _rule(self, value: Any, direction: Direction, path: Path) -> TierRule:
        rule = self._refusals.mapping_of(value, path)
        newest = self._kind == "ClusterNetworkPolicy"
        ports_field = "protocols" if newest else "ports"
        peers_field = direction.peers_field
        self._refusals.fields(rule, path, ("name", "action", peers_field, ports_field))
        peers = self._refusals.list_of(rule, peers_field, path)
        if not peers:
            self._wrong((*path, peers_field), "needs at least one peer")
        ports = (
            self._refusals.some_of(rule, ports_field, path, "protocol")
            if newest
            else self._refusals.list_of(rule, ports_field, path)
        )
        read_port = self._ports.protocol if newest else self._ports.port
        if direction is Direction.EGRESS:
            self._check_named_ports(peers, ports, path)
        return TierRule(
            direction=direction,
            origin=self.origin(path),
            action=self._action(rule, path),
            name=str(rule.get("name") or ""),
            peers=tuple(
                self._peer(p, direction, (*path, peers_field, n)) for n, p in enumerate(peers)
            ),
            ports=tuple(read_port(p, (*path, ports_field, n)) for n, p in enumerate(ports)),
        )

    def _check_named_ports(self, peers: list[Any], ports: list[Any], path: Path) -> None:
        """The definitions' rule in CEL."""
        outer = any(mapping(peer).keys() & set(_OUTER_PEERS) for peer in peers)
        if outer and any(mapping(port).keys() & set(_NAMED_PORTS) for port in ports):
            listed = ", ".join(_OUTER_PEERS)
            self._wrong(path, f"only pods have named ports: none beside {listed}")

    def _action(self, rule: Mapping[str, Any], path: Path) -> RuleAction:
        word = rule.get("action")
        if word not in self._actions:
            known = ", ".join(self._actions)
            self._wrong((*path, "action"), f"must be one of {known}, not {word!r}")
            return RuleAction.DENY
        return self._actions[str(word)]

    def _peer(self, value: Any, direction: Direction, path: Path) -> TierPeer:
        known = (*_POD_PEERS, *(_OUTER_PEERS if direction is Direction.EGRESS else ()))
        peer = self._refusals.one_of(value, path, known)
        nodes = peer.get("nodes")
        return TierPeer(
            origin=self.origin(path),
            pods=self.pods_of(peer, path),
            nodes=None if nodes is None else self._selector(nodes, (*path, "nodes")),
            networks=self._networks(peer, path),
            domains=tuple(map(str, self._refusals.some_of(peer, "domainNames", path, "name"))),
        )

    def pods_of(self, value: Mapping[str, Any], path: Path) -> Subject | None:
        if "namespaces" in value:
            return Subject(namespaces=self._selector(value["namespaces"], (*path, "namespaces")))
        if "pods" not in value:
            return None
        where = (*path, "pods")
        both = self._refusals.mapping_of(value["pods"], where)
        keys = ("namespaceSelector", "podSelector")
        self._refusals.fields(both, where, keys)
        for key in keys:
            if both.get(key) is None:
                self._wrong((*where, key), "is required ({} selects all)")
        namespaces, pods = (self._selector(both.get(key), (*where, key)) for key in keys)
        return Subject(namespaces=namespaces, pods=pods)

    def _selector(self, value: Any, path: Path) -> Mapping[str, Any]:
        return read_selector(self._refusals, value, path) or {}

    def _networks(self, peer: Mapping[str, Any], path: Path) -> tuple[IpBlock, ...]:
        found = []
        for index, text in enumerate(self._refusals.some_of(peer, "networks", path, "range")):
            try:
                if "/" not in str(text):
                    raise ValueError(text)
                found.append(IpBlock(ipaddress.ip_network(str(text), strict=False)))
            except ValueError:
                where = (*path, "networks", index)
                self._wrong(where, f"not a valid address range: {text!r} (such as 10.0.0.0/8)")
        return tuple(found)
