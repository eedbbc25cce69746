"""Which parts of the policies some flow of the stories exercises, and which none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from npol.model.causes import Cause
from npol.model.sentence import Sentence
from npol.policy.evaluate.decision import DirectionDecision
from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.match import Path, fit_peer, fit_port
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.netpol_types import Direction, Origin, Policy, Rule
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.simulated_steps import SimulatedStep, read_by
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageItem:
    """
    One thing that a policy says: a `rule`, a `peer`, a `port`, or `isolation` in a direction.

    A rule (peer, port) is exercised by a flow that it lets through, isolation by one that it
    stops. `flows` are named `step: flow`.
    """

    policy: str
    kind: str
    what: str
    origin: Origin
    flows: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause:
        """What it says, and where: for reports of what nothing exercises."""
        return Cause(what=Sentence(f"{self.policy}: {self.what}"), at=self.origin.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Every item of every policy that some step had in force."""

    items: tuple[CoverageItem, ...]

    @property
    def uncovered(self) -> tuple[CoverageItem, ...]:
        return tuple(i for i in self.items if not i.flows)

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where there is nothing to cover."""
        if not self.items:
            return 1.0
        return 1 - len(self.uncovered) / len(self.items)


_Key = tuple[str, str, str]


@dataclass(slots=True)
class _Tally:
    items: dict[_Key, CoverageItem] = field(default_factory=dict)
    flows: dict[_Key, dict[str, None]] = field(default_factory=dict)

    def know(self, policy: Policy) -> None:
        for item in _items(policy):
            self.items.setdefault(_key(item.origin, item.kind), item)

    def count(self, origin: Origin, kind: str, flow: str) -> None:
        self.flows.setdefault(_key(origin, kind), {})[flow] = None


def _key(origin: Origin, kind: str) -> _Key:
    """By file and line where they are known: two versions of a policy are two."""
    return str(origin), f"{origin.policy} {origin.path}", kind


def coverage(told: Iterable[SimulatedStep], dialect: Dialect = SPEC) -> Coverage:
    """The coverage of the policies of all scenes by the flows of all scenes."""
    tally = _Tally()
    for scene in read_by(dialect, told):
        for policy in scene.world.policies:
            tally.know(policy)
        for asked in scene.asked:
            _exercise(tally, scene, asked, dialect)
    return Coverage(
        items=tuple(
            CoverageItem(
                policy=item.policy,
                kind=item.kind,
                what=item.what,
                origin=item.origin,
                flows=tuple(tally.flows.get(key, ())),
            )
            for key, item in tally.items.items()
        )
    )


def _items(policy: Policy) -> Iterator[CoverageItem]:
    name = str(policy)
    for direction in Direction:
        if direction in policy.directions:
            kind = f"isolation {direction.value}"
            what = f"stops {direction.field} that no rule allows"
            yield CoverageItem(policy=name, kind=kind, what=what, origin=policy.origin)
    for rule in policy.all_rules:
        what = f"{rule.direction.field} rule"
        yield CoverageItem(policy=name, kind="rule", what=what, origin=rule.origin)
        if len(rule.peers) > 1:
            for peer in rule.peers:
                yield CoverageItem(policy=name, kind="peer", what="peer", origin=peer.origin)
        if len(rule.ports) > 1:
            for port in rule.ports:
                yield CoverageItem(policy=name, kind="port", what=str(port), origin=port.origin)


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
    if side.allowed is False:
        for policy in side.isolating:
            tally.count(policy.origin, f"isolation {side.direction.value}", name)
    for fit in side.matching:
        tally.count(fit.origin, "rule", name)
        for origin, kind in _clauses(world, fit.policy, fit.rule, side, path, dialect):
            tally.count(origin, kind, name)


def _clauses(
    world: ClusterState,
    policy: Policy,
    rule: Rule,
    side: DirectionDecision,
    path: Path,
    dialect: Dialect,
) -> Iterator[tuple[Origin, str]]:
    """The peers and ports of an allowing rule that the path fits."""
    other = path.target if side.direction is Direction.EGRESS else path.client
    for peer in rule.peers:
        if fit_peer(world, policy.namespace, peer, other, path, dialect).holds:
            yield peer.origin, "peer"
    for port in rule.ports:
        if fit_port(port, path, dialect).holds:
            yield port.origin, "port"
