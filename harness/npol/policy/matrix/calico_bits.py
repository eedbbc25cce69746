"""
Calico's tiers over groups of pods, all at once: its own policies, NetworkPolicies among them, and
ClusterNetworkPolicies in kube-admin and kube-baseline.

For one direction of one group: which groups at the other end get through. Where a rule is not known
to fit, both ways are taken: the one that lets fewest through, and the one that lets most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from npol.policy.evaluate.layers import CLUSTER_TIERS, place_of
from npol.policy.matrix.bitsets import GroupBits, MeantGroups, Rows, both_ends, ones
from npol.policy.matrix.calico_ends import EndBits
from npol.policy.matrix.equivalence import PodGroup, Port
from npol.policy.matrix.tier_bits import TierBits
from npol.policy.objects.calico_types import DEFAULT_TIER, CalicoPolicy, CalicoTier
from npol.policy.objects.netpol_types import Direction, Policy, Rule
from npol.policy.objects.tier_types import RuleAction, TierRule
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True)
class _TieredRule:
    """One rule: whom it means at both ends, and on which targets it is about a port."""

    action: RuleAction
    own: MeantGroups
    """Of the groups that its policy selects."""
    other: MeantGroups
    ports: Callable[[Port], MeantGroups]


@dataclass(frozen=True, slots=True)
class _TierStage:
    """One tier for one direction: its rules in order, and the groups that it ends with a deny."""

    lines: tuple[_TieredRule, ...]
    closes: MeantGroups


class CalicoBits:
    """The policies of one cluster, over one list of groups."""

    def __init__(
        self,
        world: ClusterState,
        groups: Sequence[PodGroup],
        family: int,
        strict: GroupBits,
        generous: GroupBits,
        tiers: TierBits | None,
    ) -> None:
        self._world = world
        self._size = len(groups)
        self._all = strict.all
        self._strict = strict
        self._generous = generous
        self._tiers = tiers
        self._ends = EndBits(world, groups, family, strict)
        self._strays = [p for p in world.calico_policies if not self._is_placed(p)]
        self._stages = {direction: [*self._of(direction)] for direction in Direction}

    def _is_placed(self, policy: CalicoPolicy) -> bool:
        return any(policy.tier == tier.name for tier in self._world.calico_tiers_in_order)

    def _of(self, direction: Direction) -> Iterator[_TierStage]:
        for tier in self._world.calico_tiers_in_order:
            stage = self._stage(tier, direction)
            if stage.lines or stage.closes.either:
                yield stage

    def _stage(self, tier: CalicoTier, direction: Direction) -> _TierStage:
        found: list[tuple[tuple[float, str], list[_TieredRule]]] = []
        sure = unsure = 0
        for policy, selected in self._acting(tier, direction):
            lines = [*self._lines(policy, direction, selected)]
            found.append((place_of(policy), lines))
            sure |= selected.sure
            unsure |= selected.unsure
        if self._tiers and (own := CLUSTER_TIERS.get(tier.name)):
            for ranked, subject, rules in self._tiers.acting(own, direction):
                lines = [
                    _TieredRule(
                        rule.action, MeantGroups(subject), peers, partial(self._tiered, rule)
                    )
                    for rule, peers in rules
                ]
                found.append((place_of(ranked), lines))
        found.sort(key=lambda one: one[0])
        closes = MeantGroups(sure, unsure & ~sure) if tier.denies else MeantGroups()
        return _TierStage(tuple(line for _, lines in found for line in lines), closes)

    def _acting(
        self, tier: CalicoTier, direction: Direction
    ) -> Iterator[tuple[Policy | CalicoPolicy, MeantGroups]]:
        """The policies that stand in a tier and close it, with the groups that they select."""
        for policy in self._world.calico_policies:
            if policy.tier == tier.name and direction in policy.directions:
                yield policy, self._ends.selected(policy.selector)
        for own in self._world.policies if tier.name == DEFAULT_TIER else ():
            if direction in own.directions:
                here = self._strict.in_namespace(own.namespace)
                yield own, MeantGroups(here & self._strict.pods(own.selector))

    def _lines(
        self, policy: Policy | CalicoPolicy, direction: Direction, selected: MeantGroups
    ) -> Iterator[_TieredRule]:
        if not selected.either:
            return
        if isinstance(policy, Policy):
            yield from self._of_network_policy(policy, direction, selected)
            return
        for rule in policy.rules(direction):
            if rule.action is RuleAction.LOG or not self._ends.is_of_family(rule):
                continue
            ends = [self._ends.meant(rule.source), self._ends.meant(rule.destination)]
            source, target = ends[0] & self._ends.source_ports(rule), ends[1]
            own, other = (source, target) if direction is Direction.EGRESS else (target, source)
            ports = self._ends.ports_of(rule)
            yield _TieredRule(rule.action, own & selected, other, ports)

    def _of_network_policy(
        self, policy: Policy, direction: Direction, selected: MeantGroups
    ) -> Iterator[_TieredRule]:
        for rule in policy.rules(direction):
            sure = self._strict.peers(rule, policy.namespace)
            peers = MeantGroups(sure, self._generous.peers(rule, policy.namespace) & ~sure)
            yield _TieredRule(RuleAction.ACCEPT, selected, peers, partial(self._plain, rule))

    def _plain(self, rule: Rule, port: Port) -> MeantGroups:
        return MeantGroups(self._strict.ports(rule, port))

    def _tiered(self, rule: TierRule, port: Port) -> MeantGroups:
        assert self._tiers is not None
        return MeantGroups(self._tiers.ports(rule.ports, port))

    def solve(self, ports: Sequence[Port]) -> tuple[dict[Port, Rows], dict[Port, Rows]]:
        """What is open for sure, and what may be; ports that no rule tells apart share rows."""
        known: dict[object, tuple[Rows, Rows]] = {}
        sure: dict[Port, Rows] = {}
        may: dict[Port, Rows] = {}
        for port in ports:
            on = {
                direction: [[line.ports(port) for line in stage.lines] for stage in stages]
                for direction, stages in self._stages.items()
            }
            key = tuple(tuple(map(tuple, on[direction])) for direction in Direction)
            if key not in known:
                known[key] = (self._rows(on, generous=False), self._rows(on, generous=True))
            sure[port], may[port] = known[key]
        return sure, may

    def _rows(self, on: dict[Direction, list[list[MeantGroups]]], *, generous: bool) -> Rows:
        egress, ingress = (
            self._side(direction, on[direction], generous=generous)
            for direction in (Direction.EGRESS, Direction.INGRESS)
        )
        return both_ends(self._all, egress, ingress)

    def _side(
        self, direction: Direction, on: list[list[MeantGroups]], *, generous: bool
    ) -> list[int]:
        """By group, the other ends that come through one direction."""
        result = [self._all] * self._size
        for stage, ports in zip(reversed(self._stages[direction]), reversed(on), strict=True):
            self._through(stage, ports, direction, result, generous)
        if not generous:
            for stray in self._strays:
                if direction in stray.directions:
                    for group in ones(self._ends.selected(stray.selector).either):
                        result[group] = 0
        return result

    def _through(
        self,
        stage: _TierStage,
        ports: list[MeantGroups],
        direction: Direction,
        result: list[int],
        generous: bool,
    ) -> None:
        """One tier before what lies behind it, for every group at once."""
        everyone, outgoing = self._all, direction is Direction.EGRESS
        acting: dict[int, list[tuple[RuleAction, int, int]]] = {}
        for line, at in zip(stage.lines, ports, strict=True):
            own, other = line.own, line.other
            if outgoing:
                other = other & at
            else:
                own = own & at
            for group in ones(own.sure):
                acting.setdefault(group, []).append((line.action, other.sure, other.unsure))
            for group in ones(own.unsure):
                acting.setdefault(group, []).append((line.action, 0, other.either))
        closing = stage.closes.sure if generous else stage.closes.either
        for group in {*acting, *ones(closing)}:
            below = result[group]
            value = 0 if closing >> group & 1 else below
            meant = {RuleAction.ACCEPT: everyone, RuleAction.DENY: 0, RuleAction.PASS: below}
            for action, sure, unsure in reversed(acting.get(group, ())):
                act = meant[action]
                either = (act | value) if generous else (act & value)
                value = (act & sure) | (either & unsure) | (value & ~(sure | unsure))
            result[group] = value & everyone
