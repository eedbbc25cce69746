"""
The tiers around NetworkPolicies over groups of pods, all at once.

For one direction of one group: which groups at the other end get through. Where a rule is not known
to fit, or two policies of one priority differ, both ways are taken: the one that lets fewest
through, and the one that lets most.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from npol.policy.matrix.bitsets import GroupBits, MeantGroups
from npol.policy.matrix.equivalence import PodGroup, Port
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.netpol_types import Direction, IpBlock
from npol.policy.objects.tier_types import (
    RuleAction,
    Subject,
    Tier,
    TierPeer,
    TierPolicy,
    TierPort,
    TierRule,
)
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True)
class _Through:
    value: int
    decided: int


@dataclass(frozen=True, slots=True)
class _RuleBits:
    rule: TierRule
    peers: MeantGroups


class TierBits:
    """The policies of one cluster in tiers, over one list of groups."""

    def __init__(
        self,
        world: ClusterState,
        groups: Sequence[PodGroup],
        family: int,
        bits: GroupBits,
        dialect: Dialect,
    ) -> None:
        self._groups = groups
        self._family = family
        self._bits = bits
        self._networks = dialect.networks_select_cluster
        self.opens_isolated = dialect.baseline_opens_isolated
        self._by_name = dialect.breaks_ties_by_name
        self._policies = sorted(world.tier_policies, key=lambda p: (p.priority, p.name))
        self._subjects = [self._pods(policy.subject) for policy in self._policies]
        self._rules = {
            (number, direction): [
                _RuleBits(rule, self._peers(rule.peers)) for rule in policy.rules(direction)
            ]
            for number, policy in enumerate(self._policies)
            for direction in Direction
        }
        self._closing_passes = [
            (number, direction, line)
            for (number, direction), lines in self._rules.items()
            for line in lines
            if dialect.baseline_pass_may_close
            and self._policies[number].tier is Tier.BASELINE
            and line.rule.action is RuleAction.PASS
        ]

    def through(
        self,
        tier: Tier,
        direction: Direction,
        group: int,
        port: Port,
        below: int,
        *,
        generous: bool,
    ) -> int:
        """
        The other ends that a tier, and what lies `below` it, let through for one group.

        `generous`: what nobody can tell counts as let through.
        """
        chosen = [
            (number, number if self._by_name else policy.priority)
            for number, policy in enumerate(self._policies)
            if policy.tier is tier and self._subjects[number] >> group & 1
        ]
        result = below
        for _, same in reversed(_together(chosen)):
            tried = [
                self._one(number, direction, group, port, below, generous) for number, _ in same
            ]
            decided = reduce(or_, (one.decided for one in tried))
            rest = result if generous else result | decided
            values = [*(one.value for one in tried), rest & ~decided if generous else rest]
            result = reduce(or_ if generous else and_, values)
        return result

    def may_be_closed_by_pass(self, direction: Direction, group: int, port: Port) -> int:
        """
        The other ends that a Pass in the Baseline tier may close for one group, although policies
        before it let them through.
        """
        found = (
            (line.peers.sure | line.peers.unsure) & self._here(line, direction, group, port)
            for number, towards, line in self._closing_passes
            if towards is direction and self._subjects[number] >> group & 1
        )
        return reduce(or_, found, 0)

    def acting(
        self, tier: Tier, direction: Direction
    ) -> Iterator[tuple[TierPolicy, int, list[tuple[TierRule, MeantGroups]]]]:
        """The policies of a tier: whom they select, and their rules with whom these mean."""
        for number, policy in enumerate(self._policies):
            if policy.tier is tier and policy.rules(direction):
                lines = [(line.rule, line.peers) for line in self._rules[number, direction]]
                yield policy, self._subjects[number], lines

    def _one(
        self, number: int, direction: Direction, group: int, port: Port, below: int, generous: bool
    ) -> _Through:
        """One policy alone: what it lets through, and where one of its rules fits for sure."""
        everything = self._bits.all
        value, decided = (0 if generous else everything), 0
        for line in reversed(self._rules[number, direction]):
            here = self._here(line, direction, group, port)
            sure, unsure = line.peers.sure & here, line.peers.unsure & here
            meant = {RuleAction.ACCEPT: everything, RuleAction.DENY: 0, RuleAction.PASS: below}
            act = meant[line.rule.action]
            either = (act | value) if generous else (act & value)
            value = (act & sure) | (either & unsure) | (value & ~(sure | unsure))
            decided |= sure
        return _Through(value & everything, decided)

    def _here(self, line: _RuleBits, direction: Direction, group: int, port: Port) -> int:
        """The other ends between which and one group the rule fits the port."""
        ports = self.ports(line.rule.ports, port)
        return ports if direction is Direction.EGRESS else -(ports >> group & 1)

    def ports(self, ports: Sequence[TierPort], port: Port) -> int:
        """The target groups on which the rule fits the port."""
        if not ports:
            return self._bits.all
        return reduce(or_, (self._port(entry, port) for entry in ports))

    def _port(self, entry: TierPort, port: Port) -> int:
        if entry.name:
            return self._bits.named_port(entry.name, port)
        fits = entry.protocol is port.transport and (
            entry.first is None or entry.first <= port.number <= (entry.last or entry.first)
        )
        return self._bits.all if fits else 0

    def _pods(self, subject: Subject) -> int:
        mask = self._bits.namespaces(subject.namespaces)
        return mask if subject.pods is None else mask & self._bits.pods(subject.pods)

    def _peers(self, peers: Sequence[TierPeer]) -> MeantGroups:
        masks = [self._peer(peer) for peer in peers]
        sure = reduce(or_, (mask.sure for mask in masks), 0)
        return MeantGroups(sure, reduce(or_, (mask.unsure for mask in masks), 0) & ~sure)

    def _peer(self, peer: TierPeer) -> MeantGroups:
        """Groups are of pods with addresses of their own: no node is among them."""
        if peer.pods is not None:
            return MeantGroups(self._pods(peer.pods))
        if peer.domains:
            return MeantGroups(0, self._bits.all)
        inside = [self._inside(block) for block in peer.networks]
        sure = reduce(or_, (mask.sure for mask in inside), 0)
        return MeantGroups(sure, reduce(or_, (mask.unsure for mask in inside), 0) & ~sure)

    def _inside(self, block: IpBlock) -> MeantGroups:
        sure = unsure = 0
        for number, group in enumerate(self._groups):
            held = self._holds(block, group)
            if held and self._networks:
                sure |= 1 << number
            elif held is not False and self._networks is not False:
                unsure |= 1 << number
        return MeantGroups(sure, unsure)

    def _holds(self, block: IpBlock, group: PodGroup) -> bool | None:
        if block.cidr.version != self._family:
            return False
        if block.whole_family:
            return True
        address = group.first.address(self._family)
        return None if address is None else address in block


def _together(chosen: Sequence[tuple[int, int]]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Policies by priority, the first to be tried first."""
    groups = itertools.groupby(chosen, key=lambda pair: pair[1])
    return [(priority, list(same)) for priority, same in groups]
