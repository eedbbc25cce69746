"""Which parts of the policies some flow of the stories exercises, and which none does."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from npol.model.causes import Cause, NotExercised
from npol.policy.evaluate.calico_match import CalicoRuleFit
from npol.policy.evaluate.decision import DirectionDecision
from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.match import Path, fit_peer, fit_port
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.netpol_types import Direction, Origin, Policy, Rule
from npol.policy.objects.tier_types import RuleAction
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.simulated_steps import SimulatedStep, read_by
from npol.policy.state.cluster_state import ClusterState


class CoveredPart(enum.Enum):
    """The sorts of things that a policy says."""

    ISOLATION = "isolation"
    RULE = "rule"
    PEER = "peer"
    PORT = "port"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageItem:
    """
    One thing that a policy says.

    A rule (peer, port) is exercised by a flow that it lets through, isolation, or a rule that
    denies, by one that it stops. `flows` are named `step: flow`.
    """

    policy: str
    part: CoveredPart
    direction: Direction
    origin: Origin
    port: str = ""
    """Of a port, as it is spelled."""
    flows: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause:
        """Of a rule that nothing exercises, for reports."""
        return Cause(what=NotExercised(self.policy, self.direction.field), at=self.origin.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Every item of every policy that some step had in force."""

    items: tuple[CoverageItem, ...]

    @property
    def uncovered(self) -> tuple[CoverageItem, ...]:
        return tuple(i for i in self.items if not i.flows)


_Key = tuple[str, str, CoveredPart, Direction]


@dataclass(slots=True)
class _Tally:
    items: dict[_Key, CoverageItem] = field(default_factory=dict)
    flows: dict[_Key, dict[str, None]] = field(default_factory=dict)

    def know(self, items: Iterable[CoverageItem]) -> None:
        for item in items:
            self.items.setdefault(_key(item.origin, item.part, item.direction), item)

    def count(self, origin: Origin, part: CoveredPart, direction: Direction, flow: str) -> None:
        self.flows.setdefault(_key(origin, part, direction), {})[flow] = None


def _key(origin: Origin, part: CoveredPart, direction: Direction) -> _Key:
    """By file and line where they are known: two versions of a policy are two."""
    return str(origin), f"{origin.policy} {origin.path}", part, direction


def coverage(told: Iterable[SimulatedStep], dialect: Dialect = SPEC) -> Coverage:
    """The coverage of the policies of all scenes by the flows of all scenes."""
    tally = _Tally()
    for scene in read_by(dialect, told):
        for policy in scene.world.policies:
            tally.know(_items(policy))
        for own in scene.world.cilium_policies:
            tally.know(_of_cilium(own))
        for calico in scene.world.calico_policies:
            tally.know(_of_calico(calico, scene.world))
        for asked in scene.asked:
            _exercise(tally, scene, asked, dialect)
    return Coverage(
        items=tuple(
            replace(item, flows=tuple(tally.flows.get(key, ())))
            for key, item in tally.items.items()
        )
    )


def _items(policy: Policy) -> Iterator[CoverageItem]:
    name = str(policy)
    for direction in Direction:
        if direction in policy.directions:
            part, origin = CoveredPart.ISOLATION, policy.origin
            yield CoverageItem(policy=name, part=part, direction=direction, origin=origin)
    for rule in policy.all_rules:
        rule_item = CoverageItem(
            policy=name, part=CoveredPart.RULE, direction=rule.direction, origin=rule.origin
        )
        yield rule_item
        if len(rule.peers) > 1:
            for peer in rule.peers:
                yield replace(rule_item, part=CoveredPart.PEER, origin=peer.origin)
        if len(rule.ports) > 1:
            for port in rule.ports:
                part, origin = CoveredPart.PORT, port.origin
                yield replace(rule_item, part=part, origin=origin, port=str(port))


def _of_cilium(policy: CiliumPolicy) -> Iterator[CoverageItem]:
    """Isolation once for each direction, and each rule, those that deny with them."""
    name = str(policy)
    for direction in Direction:
        if any(direction in section.isolates for section in policy.sections):
            part, origin = CoveredPart.ISOLATION, policy.origin
            yield CoverageItem(policy=name, part=part, direction=direction, origin=origin)
        for rule in policy.rules(direction):
            part, origin = CoveredPart.RULE, rule.origin
            yield CoverageItem(policy=name, part=part, direction=direction, origin=origin)


def _of_calico(policy: CalicoPolicy, world: ClusterState) -> Iterator[CoverageItem]:
    """Isolation where its tier denies what no rule fits, and each rule that does something."""
    name = str(policy)
    denying = {tier.name for tier in world.calico_tiers_in_order if tier.denies}
    for direction in Direction:
        if direction in policy.directions and policy.tier in denying:
            part, origin = CoveredPart.ISOLATION, policy.origin
            yield CoverageItem(policy=name, part=part, direction=direction, origin=origin)
        for rule in policy.rules(direction):
            if rule.action is not RuleAction.LOG:
                part, origin = CoveredPart.RULE, rule.origin
                yield CoverageItem(policy=name, part=part, direction=direction, origin=origin)


def _exercise(tally: _Tally, scene: SimulatedStep, asked: ResolvedFlow, dialect: Dialect) -> None:
    name = f"{scene.step}: {asked.flow.name}"
    for traffic in asked.every_traffic:
        for path in decide(scene.world, traffic, dialect).paths:
            for side in path.sides:
                _exercise_side(tally, scene.world, side, path.path, dialect, name)


def _exercise_side(
    tally: _Tally,
    world: ClusterState,
    side: DirectionDecision,
    path: Path,
    dialect: Dialect,
    name: str,
) -> None:
    for fit in (walk.ranked for walk in side.tiers):
        if isinstance(fit, CalicoRuleFit):
            tally.count(fit.origin, CoveredPart.RULE, side.direction, name)
    for denying in side.denying:
        tally.count(denying.origin, CoveredPart.RULE, side.direction, name)
    if side.allowed is False and not side.denying:
        for policy in side.isolating:
            tally.count(policy.origin, CoveredPart.ISOLATION, side.direction, name)
    for allowing in side.matching if not side.denying else ():
        tally.count(allowing.origin, CoveredPart.RULE, side.direction, name)
        if not isinstance(allowing, RuleFit):
            continue
        for origin, part in _clauses(world, allowing.policy, allowing.rule, side, path, dialect):
            tally.count(origin, part, side.direction, name)


def _clauses(
    world: ClusterState,
    policy: Policy,
    rule: Rule,
    side: DirectionDecision,
    path: Path,
    dialect: Dialect,
) -> Iterator[tuple[Origin, CoveredPart]]:
    """The peers and ports of an allowing rule that the path fits."""
    other = path.target if side.direction is Direction.EGRESS else path.client
    for peer in rule.peers:
        if fit_peer(world, policy.namespace, peer, other, path, dialect).holds:
            yield peer.origin, CoveredPart.PEER
    for port in rule.ports:
        if fit_port(port, path, dialect).holds:
            yield port.origin, CoveredPart.PORT
