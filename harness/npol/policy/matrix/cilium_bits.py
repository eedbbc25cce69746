"""
Cilium's own policies beside NetworkPolicies over groups of pods, all at once.

For one direction of one group: which groups at the other end some rule allows or denies, for sure
or perhaps, and what is closed if none does. Groups are of pods with addresses of their own:
networks and entities of nodes mean none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from npol.policy.evaluate.cilium_layer import sections_for
from npol.policy.evaluate.cilium_peers import PeerReader
from npol.policy.evaluate.match import Path
from npol.policy.matrix.bitsets import GroupBits, MeantGroups, ones
from npol.policy.matrix.equivalence import PodGroup, Port
from npol.policy.objects.cilium_types import CiliumPeer, CiliumPolicy, CiliumPort, CiliumRule
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.netpol_types import Direction
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True)
class LayerBits:
    """
    One direction of one group: the other ends of which a rule of the layer may allow, may deny or
    may decide nothing. One end in several: nobody can tell which.
    """

    allowed: int
    denied: int
    undecided: int
    closed: bool | None
    """Whether what no rule decides is closed; None: nobody can tell."""


@dataclass(frozen=True, slots=True)
class _ActingRule:
    policy: CiliumPolicy
    rule: CiliumRule
    selected: int
    peers: MeantGroups


class CiliumBits:
    """The policies of one cluster, over one list of groups."""

    def __init__(
        self,
        world: ClusterState,
        groups: Sequence[PodGroup],
        family: int,
        bits: GroupBits,
        dialect: Dialect,
    ) -> None:
        self._world = world
        self._groups = groups
        self._family = family
        self._bits = bits
        self._dialect = dialect
        self._peers: dict[str, MeantGroups] = {}
        self._closed: dict[Direction, int] = dict.fromkeys(Direction, 0)
        self._may_be_closed: dict[Direction, int] = dict.fromkeys(Direction, 0)
        self._lines = {direction: [*self._of(direction)] for direction in Direction}

    def _of(self, direction: Direction) -> Iterator[_ActingRule]:
        acting: dict[str, tuple[CiliumPolicy, CiliumRule, int]] = {}
        for number, group in enumerate(self._groups):
            for policy, section in sections_for(self._world, group.first):
                if direction in section.isolates:
                    closed = self._may_be_closed if policy.needs else self._closed
                    closed[direction] |= 1 << number
                for rule in section.rules:
                    if rule.direction is direction:
                        key = f"{policy} {rule.origin.path}"
                        known = acting.get(key, (policy, rule, 0))
                        acting[key] = (policy, rule, known[2] | 1 << number)
        for policy, rule, selected in acting.values():
            yield _ActingRule(policy, rule, selected, self._of_peers(rule))

    def _of_peers(self, rule: CiliumRule) -> MeantGroups:
        """Every group that a rule's peers mean; peers that say the same are looked at once."""
        if rule.peers is None:
            return MeantGroups(self._bits.all)
        sure = unsure = 0
        for peer in rule.peers:
            meant = peer.endpoints, peer.entity, peer.service
            key = f"{meant} {rule.denies} {rule.ports is None}"
            if key not in self._peers:
                self._peers[key] = self._meant(peer, rule)
            sure |= self._peers[key].sure
            unsure |= self._peers[key].unsure
        return MeantGroups(sure, unsure & ~sure)

    def _meant(self, peer: CiliumPeer, rule: CiliumRule) -> MeantGroups:
        sure = unsure = 0
        for number, group in enumerate(self._groups):
            pod = group.first
            path = Path(source=pod, target=pod, port=0, family=self._family)
            reader = PeerReader(self._world, pod, pod, path, self._dialect)
            holds = reader.fit(peer, rule).holds
            sure |= (holds is True) << number
            unsure |= (holds is None) << number
        return MeantGroups(sure, unsure)

    def key(self, port: Port) -> tuple[MeantGroups, ...]:
        """What tells a port from others: the target groups on which each rule is about it."""
        return tuple(self._ports(line, port) for d in Direction for line in self._lines[d])

    def sides(
        self, direction: Direction, port: Port, opened: Sequence[int], allowed: Sequence[int]
    ) -> list[LayerBits]:
        """
        The layer for each group.

        `opened`: not 0 where no NetworkPolicy isolates a group; `allowed`: what NetworkPolicies
        let through.
        """
        size = len(self._groups)
        allow, maybe, deny, may_deny, proxied = ([0] * size for _ in range(5))
        for line in self._lines[direction]:
            ports = self._ports(line, port)
            redirects = line.rule.asks or any(p.asks for p in line.rule.ports or ())
            for group in ones(line.selected):
                met = self._met(line, ports, direction, group)
                if line.rule.denies:
                    deny[group] |= met.sure
                    may_deny[group] |= met.either
                else:
                    allow[group] |= met.sure
                    maybe[group] |= met.either
                    proxied[group] |= met.unsure if redirects else 0
        return [
            self._joined(
                direction,
                group,
                0 if opened[group] else allowed[group],
                not opened[group],
                MeantGroups(allow[group], maybe[group] & ~allow[group]),
                MeantGroups(deny[group], may_deny[group] & ~deny[group]),
                proxied[group],
            )
            for group in range(size)
        ]

    def _joined(
        self,
        direction: Direction,
        group: int,
        by_policies: int,
        isolated: bool,
        allow: MeantGroups,
        deny: MeantGroups,
        proxied: int,
    ) -> LayerBits:
        closed = isolated or bool(self._closed[direction] >> group & 1)
        doubtful = not closed and bool(self._may_be_closed[direction] >> group & 1)
        return LayerBits(
            allowed=(by_policies | allow.either | proxied) & ~deny.sure,
            denied=deny.either | proxied,
            undecided=self._bits.all & ~(by_policies | allow.sure | deny.sure),
            closed=None if doubtful else closed,
        )

    def _met(
        self, line: _ActingRule, ports: MeantGroups, direction: Direction, group: int
    ) -> MeantGroups:
        if direction is Direction.INGRESS:
            here = -(ports.sure >> group & 1), -(ports.unsure >> group & 1)
            ports = MeantGroups(self._bits.all & here[0], self._bits.all & here[1])
        sure = line.peers.sure & ports.sure
        return MeantGroups(sure, line.peers.either & ports.either & ~sure)

    def _ports(self, line: _ActingRule, port: Port) -> MeantGroups:
        """The target groups on which a rule is about the port; unsure where it asks for more."""
        if line.rule.ports is None:
            meant = MeantGroups(self._bits.all)
        else:
            masks = [self._port(entry, port) for entry in line.rule.ports]
            sure = reduce(or_, (mask.sure for mask in masks), 0)
            meant = MeantGroups(sure, reduce(or_, (mask.unsure for mask in masks), 0) & ~sure)
        if line.rule.asks or line.policy.needs:
            return MeantGroups(0, meant.either)
        return meant

    def _port(self, entry: CiliumPort, port: Port) -> MeantGroups:
        if entry.other or entry.protocol not in (None, port.transport):
            return MeantGroups()
        if isinstance(entry.port, str):
            mask = self._bits.named_port(entry.port, port)
        else:
            last = max(entry.end_port, entry.port)
            mask = self._bits.all if not entry.port or entry.port <= port.number <= last else 0
        return MeantGroups(0, mask) if entry.asks else MeantGroups(mask)
