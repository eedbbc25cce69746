"""
CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and CiliumCIDRGroup out of manifests.

What their definitions refuse counts as refused here, and what Cilium's agent alone refuses
(`by_agent`), too: it then has no effect. Source: cilium/cilium v1.20.2 pkg/policy/api/
rule_validation.go, pkg/k8s/apis/cilium.io/v2/{cnp,ccnp,cidrgroups}_types.go, the definitions in
pkg/k8s/apis/cilium.io/client/crds/v2, and pkg/policy/utils/parserules.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npol.model.change import Manifest
from npol.model.policy_kinds import CIDR_GROUP, CILIUM_KINDS
from npol.policy.objects.cilium_types import (
    CidrGroup,
    CiliumPolicy,
    CiliumRule,
    CiliumSection,
)
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.parse.object_source import Path, Source, items, mapping, sources, spell_path
from npol.policy.parse.parse_cilium_peers import CiliumPeerReader, peer_lists
from npol.policy.parse.parse_cilium_ports import CiliumPortReader
from npol.policy.parse.parse_cilium_selectors import as_subject, read_sourced
from npol.policy.parse.validation_errors import Refusal, Refusals
from npol.selectors import Selector

_SIDES = tuple(
    (direction, denies, direction.field + ("Deny" if denies else ""))
    for denies in (True, False)
    for direction in Direction
)
"""Direction, whether it denies, and the field of the rules."""
_PASSED_OVER = ("labels", "log", "description")


@dataclass(frozen=True, slots=True)
class ParsedCiliumPolicy:
    """A policy as read; with mistakes it has no effect."""

    policy: CiliumPolicy
    mistakes: tuple[Refusal, ...] = ()


def is_cilium_policy(source: Source) -> bool:
    """Whether it is of a kind, in the version, that is read here."""
    return any((k.api_version, k.kind) == (source.api_version, source.kind) for k in CILIUM_KINDS)


def is_cidr_group(source: Source) -> bool:
    return source.kind == CIDR_GROUP.kind and source.group == CIDR_GROUP.group


def read_cidr_group(source: Source) -> CidrGroup:
    """A group; entries that are no CIDR are left out, as the agent does."""
    return CidrGroup(
        name=source.name,
        labels={
            f"{where}:{key}": str(value)
            for key, value in mapping(source.metadata.get("labels")).items()
            for where in ("cidrgroup", "any")
        },
        networks=tuple(_networks(source.spec.get("externalCIDRs"))),
    )


def _networks(texts: Any) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for text in items(texts):
        try:
            yield ipaddress.ip_network(str(text), strict=False)
        except ValueError:
            continue


def parse_cilium_policy(
    source: Source, *, default_namespace: str = "default"
) -> ParsedCiliumPolicy:
    """The policy in an object, read as far as it can be."""
    reader = _CiliumReader(source, default_namespace)
    return source.once((ParsedCiliumPolicy, default_namespace), reader.read)


def cilium_policy_of(manifest: Manifest) -> CiliumPolicy | None:
    """The policy in a manifest of these kinds; None for all other kinds."""
    source = next(sources([manifest]), None)
    if source is None or not is_cilium_policy(source):
        return None
    return parse_cilium_policy(source).policy


class _CiliumReader:
    def __init__(self, source: Source, default_namespace: str) -> None:
        self._source = source
        namespaced = any(k.namespaced for k in CILIUM_KINDS if k.kind == source.kind)
        self._namespace = source.namespace(default_namespace) if namespaced else ""
        self._refusals = Refusals(source)
        self._wrong = self._refusals.wrong
        self._needs: list[str] = []

    def read(self) -> ParsedCiliumPolicy:
        policy = CiliumPolicy(
            kind=self._source.kind,
            name=self._source.name,
            namespace=self._namespace,
            origin=self._origin(()),
            sections=tuple(self._sections()),
            needs=next(iter(self._needs), ""),
        )
        return ParsedCiliumPolicy(policy, tuple(self._refusals.found))

    def _origin(self, path: Path) -> Origin:
        place = f"{self._namespace}/" if self._namespace else ""
        name = f"{place}{self._source.name}"
        at = self._source.at(*path)
        return Origin(name, spell_path(path), at, kind=self._source.kind)

    def _sections(self) -> Iterator[CiliumSection]:
        body = self._source.body
        if body.get("spec") is None and body.get("specs") is None:
            self._wrong((), "spec or specs must be provided")
        if body.get("spec") is not None:
            yield self._section(body["spec"], ("spec",))
        for number, spec in enumerate(self._refusals.list_of(body, "specs", ())):
            yield self._section(spec, ("specs", number))

    def _section(self, value: Any, path: Path) -> CiliumSection:
        spec = self._refusals.mapping_of(value, path)
        sides = [field for _, _, field in _SIDES]
        known = ("endpointSelector", "nodeSelector", *sides, "enableDefaultDeny", *_PASSED_OVER)
        self._refusals.fields(spec, path, known)
        selector, nodes = self._selector(spec, path)
        rules = [rule for side in _SIDES for rule in self._rules(spec, path, selector, side)]
        if not rules:
            there = any(spec.get(side) is not None for side in sides)
            self._wrong(path, f"needs a rule in one of {', '.join(sides)}", by_agent=there)
        asked = {rule.direction for rule in rules}
        return CiliumSection(
            origin=self._origin(path),
            selector=selector,
            nodes=nodes,
            rules=tuple(rules),
            isolates=frozenset(asked - self._left_open(spec, path)),
        )

    def _selector(self, spec: Mapping[str, Any], path: Path) -> tuple[Selector, bool]:
        """Whom it acts on, and whether these are nodes."""
        of_pods, of_nodes = spec.get("endpointSelector"), spec.get("nodeSelector")
        if (of_pods is None) == (of_nodes is None):
            self._wrong(path, "needs exactly one of endpointSelector, nodeSelector")
        elif of_nodes is not None and self._namespace:
            where = (*path, "nodeSelector")
            message = "only a CiliumClusterwideNetworkPolicy acts on nodes"
            self._wrong(where, message, by_agent=True)
        if of_pods is None and of_nodes is not None:
            return read_sourced(self._refusals, of_nodes, (*path, "nodeSelector")), True
        found = read_sourced(self._refusals, of_pods, (*path, "endpointSelector"))
        return as_subject(found, self._namespace), False

    def _left_open(self, spec: Mapping[str, Any], path: Path) -> set[Direction]:
        """The directions in which its rules do not close what they do not allow."""
        where = (*path, "enableDefaultDeny")
        asked = self._refusals.mapping_of(spec.get("enableDefaultDeny"), where)
        self._refusals.fields(asked, where, [direction.field for direction in Direction])
        for key, value in asked.items():
            if value not in (True, False, None):
                self._wrong((*where, key), f"must be true or false, not {value!r}")
        return {direction for direction in Direction if asked.get(direction.field) is False}

    def _rules(
        self,
        spec: Mapping[str, Any],
        path: Path,
        subject: Selector,
        side: tuple[Direction, bool, str],
    ) -> Iterator[CiliumRule]:
        direction, denies, field = side
        peers = CiliumPeerReader(self._refusals, self._origin, self._namespace, subject)
        ports = CiliumPortReader(self._refusals, self._origin)
        for number, value in enumerate(self._refusals.list_of(spec, field, path)):
            where = (*path, field, number)
            yield self._rule(value, where, direction, denies, peers, ports)
        self._needs += [*peers.needs, *ports.needs]

    def _rule(
        self,
        value: Any,
        path: Path,
        direction: Direction,
        denies: bool,
        peers: CiliumPeerReader,
        ports: CiliumPortReader,
    ) -> CiliumRule:
        rule = self._refusals.mapping_of(value, path)
        requires = f"{direction.peers_field}Requires"
        more = () if denies else ("authentication",)
        lists = (*peer_lists(direction, denies=denies), requires, "toPorts", "icmps")
        self._refusals.fields(rule, path, (*lists, *more))
        if self._refusals.list_of(rule, requires, path):
            message = "Cilium has it no more: it must hold nothing"
            self._wrong((*path, requires), message, by_agent=True)
        groups = self._refusals.list_of(rule, "toPorts", path)
        icmps = self._refusals.list_of(rule, "icmps", path)
        if groups and icmps:
            self._wrong((*path, "icmps"), "not beside toPorts: one rule for each", by_agent=True)
        listed = [
            *(
                port
                for n, group in enumerate(groups)
                for port in ports.group(group, (*path, "toPorts", n), direction, denies=denies)
            ),
            *(port for n, one in enumerate(icmps) for port in ports.icmp(one, (*path, "icmps", n))),
        ]
        of_peers = peers.read(rule, path, direction, denies=denies)
        limited = bool(groups or icmps)
        return CiliumRule(
            direction=direction,
            origin=self._origin(path),
            denies=denies,
            peers=of_peers if of_peers is not None or limited else (),
            ports=tuple(listed) if limited else None,
            asks=self._authentication(rule, path),
        )

    def _authentication(self, rule: Mapping[str, Any], path: Path) -> str:
        where = (*path, "authentication")
        mode = self._refusals.mapping_of(rule.get("authentication"), where).get("mode", "disabled")
        known = ("disabled", "required", "test-always-fail")
        if mode not in known:
            self._wrong((*where, "mode"), f"must be one of {', '.join(known)}, not {mode!r}")
        return "" if mode == "disabled" else "authentication"
