"""Which of the flows that were seen some policies would cut, and which of their rules none used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.model.doubt import Doubt
from npol.model.observed import ObservedFlow
from npol.model.prediction import PolicyName
from npol.model.reason import Reason
from npol.policy.evaluate.calico_match import CalicoRuleFit
from npol.policy.evaluate.cilium_match import CiliumRuleFit
from npol.policy.evaluate.decision import Decision
from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.evaluate.tier_match import TierRuleFit
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.objects.tier_types import RuleAction, TierPolicy
from npol.policy.observed.observed_world import ObservedWorld, observed_world, why_not_asked
from npol.policy.observed.unforeseeable import hangs_on
from npol.policy.state.cluster_state import ClusterState

_RuleKey = tuple[str, str]
"""A policy's full name, and the path of the rule in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenFlow:
    """A flow that was seen, and what would become of it. `allowed` None: not foretold."""

    flow: ObservedFlow
    allowed: bool | None
    decided_by: tuple[PolicyName, ...] = ()
    why_unknown: Reason | Doubt | None = None

    @property
    def cut(self) -> bool:
        """Whether something passed that would pass no longer."""
        return self.allowed is False and self.flow.connections > self.flow.dropped

    @property
    def opened(self) -> bool:
        return self.allowed is True and self.flow.dropped > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedRule:
    """An allow rule that no flow that was seen would use."""

    policy: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPlan:
    """All flows that were seen, against the policies."""

    flows: tuple[ForeseenFlow, ...]
    unused: tuple[UnusedRule, ...] = ()
    policies: int = 0

    @property
    def cut(self) -> list[ForeseenFlow]:
        return [f for f in self.flows if f.cut]

    @property
    def opened(self) -> list[ForeseenFlow]:
        return [f for f in self.flows if f.opened]

    @property
    def unknown(self) -> list[ForeseenFlow]:
        return [f for f in self.flows if f.allowed is None]


def against_observed(
    state: ClusterState, flows: Iterable[ObservedFlow], dialect: Dialect
) -> ObservedPlan:
    """What the policies of a state would do to traffic that was seen."""
    flows = tuple(flows)
    world = observed_world(state, flows)
    used: set[_RuleKey] = set()
    foreseen = tuple(_foreseen(world, flow, dialect, used) for flow in flows)
    read = world.state.as_read(dialect)
    unused = tuple(
        UnusedRule(policy=policy, origin=origin)
        for policy, origin in _allow_rules(read)
        if (policy, origin.path) not in used
    )
    return ObservedPlan(flows=foreseen, unused=unused, policies=len(read.every_policy))


def _allow_rules(state: ClusterState) -> Iterator[tuple[str, Origin]]:
    for policy in state.policies:
        yield from ((str(policy), rule.origin) for rule in policy.all_rules)
    yield from _accepting(state)
    for own in state.cilium_policies:
        rules_of_both = (rule for direction in Direction for rule in own.rules(direction))
        yield from ((str(own), rule.origin) for rule in rules_of_both if not rule.denies)


def _accepting(state: ClusterState) -> Iterator[tuple[str, Origin]]:
    """Those that are tried in an order."""
    in_order: tuple[TierPolicy | CalicoPolicy, ...] = (*state.tier_policies, *state.calico_policies)
    for tiered in in_order:
        rules = (rule for direction in Direction for rule in tiered.rules(direction))
        accepting = (rule for rule in rules if rule.action is RuleAction.ACCEPT)
        yield from ((str(tiered), rule.origin) for rule in accepting)


def _in_some_order(state: ClusterState) -> set[_RuleKey]:
    """Which rule comes first is not known: any of them may, behind the one that seems to."""
    return {(policy, origin.path) for policy, origin in _accepting(state)}


def foresee(world: ObservedWorld, flow: ObservedFlow, dialect: Dialect) -> ForeseenFlow:
    return _foreseen(world, flow, dialect, set())


def _foreseen(
    world: ObservedWorld, flow: ObservedFlow, dialect: Dialect, used: set[_RuleKey]
) -> ForeseenFlow:
    traffic = world.traffic(flow)
    if traffic is None:
        return ForeseenFlow(flow=flow, allowed=None, why_unknown=why_not_asked(flow))
    decision = decide(world.state, traffic, dialect)
    why = hangs_on(world, decision)
    used |= _rules_of(decision, every=why is not None)
    if why is not None:
        used |= _in_some_order(world.state)
        return ForeseenFlow(flow=flow, allowed=None, why_unknown=why)
    return ForeseenFlow(
        flow=flow,
        allowed=decision.allowed,
        decided_by=decision.decided_by,
        why_unknown=decision.why_unknown,
    )


def _rules_of(decision: Decision, *, every: bool) -> set[_RuleKey]:
    """The rules that fit, each by its policy and its place in it; `every`: any of them may."""
    sides = [side for path in decision.paths for side in path.sides]
    walked = [walk for side in sides for walk in side.tiers]
    fits: list[RuleFit | CiliumRuleFit | TierRuleFit | CalicoRuleFit] = [
        *(fit for side in sides for fit in side.rules),
        *(fit for walk in walked for fit in walk.fits),
    ]
    return {(str(fit.policy), fit.origin.path) for fit in fits if every or fit.holds is not False}
