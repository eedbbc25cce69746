"""
A rule of Calico's as the matches of nftables: one of them must fit.

As Calico renders it: nothing where all of its networks are of the other family.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from npol_lab.net.calico_policy import CalicoPolicy, End, Icmp, Rule
from npol_lab.net.calico_world import CalicoWorld, networks
from npol_lab.net.nft import Ruleset, Set
from npol_lab.net.policy import Direction, name_of, port_ranges
from npol_lab.net.tier_policy import TierLine
from npol_lab.registry.calico_selectors import Selector

_ICMP = {4: (1, "icmp"), 6: (58, "icmpv6")}
"""By IP version: the protocol's number, and nftables' word for it."""


class CalicoRules:
    """What it renders is kept: both nodes ask for the same."""

    def __init__(self, world: CalicoWorld) -> None:
        self.world = world
        self._known: dict[tuple[str, Direction], tuple[list[TierLine], Ruleset]] = {}

    def lines_of(
        self, policy: CalicoPolicy, direction: Direction, ruleset: Ruleset
    ) -> list[TierLine]:
        """Its rules in order; the sets that they refer to come into `ruleset`."""
        key = (policy.uid, direction)
        if key not in self._known:
            own = Ruleset()
            matches = _Matches(self.world, own)
            lines = [
                TierLine(match, rule.action)
                for rule in policy.rules[direction]
                for match in matches.of(rule)
            ]
            self._known[key] = lines, own
        lines, own = self._known[key]
        ruleset.sets |= own.sets
        return lines


class _Matches:
    def __init__(self, world: CalicoWorld, ruleset: Ruleset) -> None:
        self._world = world
        self._sets = ruleset.sets
        self._family = world.family

    def of(self, rule: Rule) -> Iterator[str]:
        """Each of what may be one of several, with each of the others."""
        ends = ((rule.source, "saddr", "sport"), (rule.target, "daddr", "dport"))
        other = rule.version not in (None, self._family.version)
        if other or any(self._is_foreign(end) for end, _, _ in ends):
            return
        parts: list[list[str]] = [list(_protocols(rule)), list(_kinds(rule, self._family.version))]
        for end, address, port in ends:
            parts += [self._places(end, address), self._ports(end, port, rule)]
            parts.append([" ".join(self._denials(end, address, port, rule))])
        for chosen in itertools.product(*parts):
            yield " ".join(part for part in chosen if part)

    def _is_foreign(self, end: End) -> bool:
        """Whether no packet of this family can fit: all networks are of the other one."""
        return any(given and not self._networks(given) for given in (end.nets, end.not_nets))

    def _networks(self, given: Sequence[str]) -> str:
        return ", ".join(networks(given, self._family))

    def _places(self, end: End, address: str) -> list[str]:
        """Pods that a selector means, or networks of the sets that it means."""
        field = f"{self._family.ip} {address}"
        fixed = f"{field} {{ {self._networks(end.nets)} }}" if end.nets else ""
        if end.service:
            fixed = f"{fixed} {self._served(end.service, address)}".strip()
        if end.selector is None:
            return [fixed]
        found = [f"{field} @{self._pods(end.selector)}"]
        if sets := self._world.nets(end.selector):
            found.append(f"{field} {{ {', '.join(sets)} }}")
        return [f"{fixed} {one}".strip() for one in found]

    def _pods(self, selector: Selector) -> str:
        name = name_of("selected", repr(selector))
        self._sets[name] = Set(self._family.element, self._world.members(selector))
        return name

    def _served(self, service: tuple[str, str], address: str) -> str:
        """A source may have any port, a target only those of the Service."""
        ip = self._family.ip
        if address == "saddr":
            name = name_of("serving", service)
            self._sets[name] = Set(self._family.element, self._world.sources(service))
            return f"{ip} saddr @{name}"
        name = name_of("served", service)
        self._sets[name] = Set(self._triple, self._world.targets(service))
        return f"{ip} daddr . meta l4proto . th dport @{name}"

    @property
    def _triple(self) -> str:
        return f"{self._family.element} . inet_proto . inet_service"

    def _ports(self, end: End, port: str, rule: Rule) -> list[str]:
        if not end.ports:
            return [""]
        numbers = [f"th {port} {{ {port_ranges(end.ports.ranges)} }}"] if end.ports.ranges else []
        return numbers + [self._named(name, port, rule, "") for name in end.ports.names]

    def _named(self, port_name: str, port: str, rule: Rule, sign: str) -> str:
        name = name_of("named", [port_name, rule.protocol])
        self._sets[name] = Set(self._triple, self._world.holders(port_name, rule.protocol))
        address = "saddr" if port == "sport" else "daddr"
        return f"{self._family.ip} {address} . meta l4proto . th {port} {sign}@{name}"

    def _denials(self, end: End, address: str, port: str, rule: Rule) -> Iterator[str]:
        field = f"{self._family.ip} {address}"
        if end.not_nets:
            yield f"{field} != {{ {self._networks(end.not_nets)} }}"
        if end.without is not None:
            yield f"{field} != @{self._pods(end.without)}"
            if sets := self._world.nets(end.without):
                yield f"{field} != {{ {', '.join(sets)} }}"
        if end.not_ports.ranges:
            yield f"th {port} != {{ {port_ranges(end.not_ports.ranges)} }}"
        for name in end.not_ports.names:
            yield self._named(name, port, rule, "!= ")


def _protocols(rule: Rule) -> Iterator[str]:
    spoken = f"meta l4proto {rule.protocol}" if rule.protocol is not None else ""
    silent = f"meta l4proto != {rule.not_protocol}" if rule.not_protocol is not None else ""
    yield f"{spoken} {silent}".strip()


def _kinds(rule: Rule, version: int) -> Iterator[str]:
    """What `icmp` and `notICMP` leave; nothing where the protocol is that of the other family."""
    number, word = _ICMP[version]
    if (rule.icmp or rule.not_icmp) and rule.protocol != number:
        return
    wanted = _kind(rule.icmp, word)
    for denied in _other_kinds(rule.not_icmp, word):
        yield f"{wanted} {denied}".strip()


def _kind(icmp: Icmp | None, word: str) -> str:
    if icmp is None or icmp.type is None:
        return ""
    code = f" {word} code {icmp.code}" if icmp.code is not None else ""
    return f"{word} type {icmp.type}{code}"


def _other_kinds(icmp: Icmp | None, word: str) -> Iterator[str]:
    if icmp is None or icmp.type is None:
        yield ""
        return
    yield f"{word} type != {icmp.type}"
    if icmp.code is not None:
        yield f"{word} type {icmp.type} {word} code != {icmp.code}"
