"""
The walk through tiers: the first rule that fits decides, or hands on to the next tier.

One walk for all that stands in tiers: ClusterNetworkPolicies, NetworkPolicies and Calico's own. A
tier is walked rank by rank; policies of one rank that both fit may be applied in either order
(clusternetworkpolicy_types.go, "Priority"): where their actions differ in effect, nobody can tell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from npol.model.doubt import Doubt, DoubtCode
from npol.policy.evaluate.calico_match import CalicoRuleFit
from npol.policy.evaluate.match import Path
from npol.policy.evaluate.rule_fit import LayerPolicy, RuleFit
from npol.policy.evaluate.tier_match import TierRuleFit, fit_tier_rule, selects
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, Tier, TierPolicy
from npol.policy.state.cluster_state import ClusterState

Action = RuleAction | None
"""None: no rule fits."""
TieredFit = RuleFit | TierRuleFit | CalicoRuleFit
Rank = Sequence[Iterable[TieredFit]]
"""Policies of one rank: the rules of each, to be looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierWalk:
    """
    One tier, walked for one direction of a path.

    `actions`: what may come of it; None stands for "no rule fits". More than one: `doubt`
    says what it hangs on.
    """

    tier: str
    fits: tuple[TieredFit, ...] = ()
    """The rules in the order in which they are tried, as far as one decides for sure."""
    actions: frozenset[Action] = frozenset({None})
    doubt: Doubt | None = None
    isolated: bool = False
    """Whether NetworkPolicies isolate the pod and it was walked all the same."""
    closing: tuple[LayerPolicy, ...] = ()
    """The policies that select the pod in a tier that denies what no rule of it fits."""
    passing: bool = False
    """Whether policies select the pod, in a tier that hands on what no rule of it fits."""

    @property
    def deciding(self) -> TieredFit | None:
        """The first rule that fits for sure, with nothing unsure before it that differs."""
        first = next((fit for fit in self.fits if fit.holds), None)
        return first if len(self.actions) == 1 else None

    @property
    def ranked(self) -> TierRuleFit | CalicoRuleFit | None:
        """The deciding rule, where it is not one of a NetworkPolicy's."""
        fit = self.deciding
        return None if isinstance(fit, RuleFit) else fit

    @property
    def decides(self) -> bool:
        """Whether no further tier is asked, for sure."""
        return None not in self.actions and RuleAction.PASS not in self.actions

    @property
    def passed_over(self) -> tuple[TieredFit, ...]:
        """The rules that were tried before the one that decides."""
        return tuple(itertools.takewhile(lambda fit: fit.holds is False, self.fits))


def walk(
    world: ClusterState,
    tier: Tier,
    pod: Pod,
    direction: Direction,
    path: Path,
    dialect: Dialect,
) -> TierWalk:
    """What ClusterNetworkPolicies of a tier make of one direction of a path."""
    return walk_ranks(tier.value, ranks_of(world, tier, pod, direction, path, dialect))


def ranks_of(
    world: ClusterState,
    tier: Tier,
    pod: Pod,
    direction: Direction,
    path: Path,
    dialect: Dialect,
) -> Iterator[Rank]:
    """The policies of a tier that act on a pod; `pod`: the end that the direction is judged at."""
    chosen = [
        policy
        for policy in world.tier_policies
        if policy.tier is tier and policy.rules(direction) and selects(world, policy.subject, pod)
    ]
    chosen.sort(key=lambda policy: (policy.priority, policy.name))
    for _, group in itertools.groupby(chosen, key=lambda policy: _rank(policy, dialect)):
        yield [tier_rules(world, policy, direction, path, dialect) for policy in group]


def _rank(policy: TierPolicy, dialect: Dialect) -> tuple[int, str]:
    return policy.priority, policy.name if dialect.breaks_ties_by_name else ""


def tier_rules(
    world: ClusterState, policy: TierPolicy, direction: Direction, path: Path, dialect: Dialect
) -> Iterator[TierRuleFit]:
    for rule in policy.rules(direction):
        yield fit_tier_rule(world, policy, rule, path, dialect)


def walk_ranks(
    tier: str,
    ranks: Iterable[Rank],
    *,
    closing: Sequence[LayerPolicy] = (),
    passing: bool = False,
    unsure: Doubt | None = None,
) -> TierWalk:
    """
    What the policies of a tier make of it. `closing`, `passing`: see `TierWalk`.

    `unsure`: why nobody can tell whether a policy that would close the tier selects the pod.
    """
    fits: list[TieredFit] = []
    actions: set[Action] = set()
    doubt: Doubt | None = None
    rest: set[Action] = {RuleAction.DENY} if closing or unsure else set()
    if not closing:
        rest.add(None)
    for rank in ranks:
        tried = [_tried(rules) for rules in rank]
        fits += [fit for one in tried for fit in one]
        outcomes = [_outcomes(one) for one in tried]
        decided = {action for one in outcomes for action in one if action is not None}
        doubt = doubt or _doubt(tried, decided)
        actions |= decided
        if any(None not in one for one in outcomes):
            break
    else:
        actions |= rest
        doubt = doubt or unsure
    return TierWalk(
        tier=tier,
        fits=tuple(fits),
        actions=frozenset(actions),
        doubt=doubt,
        closing=tuple(closing),
        passing=passing,
    )


def _tried(rules: Iterable[TieredFit]) -> list[TieredFit]:
    """The rules of a policy up to the first that fits for sure."""
    tried = []
    for fit in rules:
        tried.append(fit)
        if fit.holds:
            break
    return tried


def _outcomes(tried: list[TieredFit]) -> set[Action]:
    """What may come of one policy; None: no rule of it fits."""
    found: set[Action] = {fit.action for fit in tried if fit.holds is not False}
    return found if any(fit.holds for fit in tried) else {*found, None}


def _doubt(tried: list[list[TieredFit]], decided: set[RuleAction]) -> Doubt | None:
    unsure = next((fit for one in tried for fit in one if fit.holds is None), None)
    if unsure is not None:
        return unsure.doubt
    fitting = [fit.policy for one in tried for fit in one if fit.holds]
    if len(decided) > 1:
        first = next(policy for policy in fitting if isinstance(policy, TierPolicy))
        return Doubt(DoubtCode.SAME_PRIORITY, str(first.priority), tuple(map(str, fitting)))
    return None
