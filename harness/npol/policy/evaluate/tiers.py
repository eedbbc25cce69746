"""
The walk through one tier: the first rule that fits decides, or hands on to the next tier.

Two policies of one priority that both fit may be applied in either order (clusternetworkpolicy_
types.go, "Priority"): where their actions differ in effect, nobody can tell.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from npol.model.doubt import Doubt, DoubtCode
from npol.policy.evaluate.match import Path
from npol.policy.evaluate.tier_match import TierRuleFit, fit_tier_rule, selects
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, Tier, TierPolicy
from npol.policy.state.cluster_state import ClusterState

DECISIVE = (RuleAction.ACCEPT, RuleAction.DENY)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierWalk:
    """
    One tier, walked for one direction of a path.

    `actions`: what may come of it; None stands for "no rule fits". More than one: `doubt`
    says what it hangs on.
    """

    tier: Tier
    fits: tuple[TierRuleFit, ...] = ()
    """The rules in the order in which they are tried, as far as one decides for sure."""
    actions: frozenset[RuleAction | None] = frozenset({None})
    doubt: Doubt | None = None
    isolated: bool = False
    """Whether NetworkPolicies isolate the pod and it was walked all the same."""

    @property
    def deciding(self) -> TierRuleFit | None:
        """The first rule that fits for sure, with nothing unsure before it."""
        first = next((fit for fit in self.fits if fit.holds is not False), None)
        return first if first is not None and first.holds else None

    @property
    def decides(self) -> bool:
        """Whether no further tier is asked, for sure."""
        return self.deciding is not None and self.deciding.rule.action in DECISIVE

    @property
    def passed_over(self) -> tuple[TierRuleFit, ...]:
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
    """What a tier makes of one direction of a path; `pod`: the end that it is judged at."""
    chosen = [
        policy
        for policy in world.tier_policies
        if policy.tier is tier and policy.rules(direction) and selects(world, policy.subject, pod)
    ]
    chosen.sort(key=lambda policy: (policy.priority, policy.name))
    fits: list[TierRuleFit] = []
    actions: set[RuleAction | None] = set()
    doubt: Doubt | None = None
    for _, group in itertools.groupby(chosen, key=lambda policy: policy.priority):
        tried = [_tried(world, policy, direction, path, dialect) for policy in group]
        fits += [fit for one in tried for fit in one]
        outcomes = [_outcomes(one) for one in tried]
        decided = {action for one in outcomes for action in one if action is not None}
        doubt = doubt or _doubt(tried, decided)
        actions |= decided
        if any(None not in one for one in outcomes):
            return TierWalk(tier=tier, fits=tuple(fits), actions=frozenset(actions), doubt=doubt)
    return TierWalk(tier=tier, fits=tuple(fits), actions=frozenset({*actions, None}), doubt=doubt)


def _tried(
    world: ClusterState, policy: TierPolicy, direction: Direction, path: Path, dialect: Dialect
) -> list[TierRuleFit]:
    """The rules of a policy up to the first that fits for sure."""
    tried = []
    for rule in policy.rules(direction):
        tried.append(fit_tier_rule(world, policy, rule, path, dialect))
        if tried[-1].holds:
            break
    return tried


def _outcomes(tried: list[TierRuleFit]) -> set[RuleAction | None]:
    """What may come of one policy; None: no rule of it fits."""
    found: set[RuleAction | None] = {fit.rule.action for fit in tried if fit.holds is not False}
    return found if any(fit.holds for fit in tried) else {*found, None}


def _doubt(tried: list[list[TierRuleFit]], decided: set[RuleAction]) -> Doubt | None:
    unsure = next((fit for one in tried for fit in one if fit.holds is None), None)
    if unsure is not None:
        return unsure.doubt
    fitting = [fit.policy for one in tried for fit in one if fit.holds]
    if len(decided) > 1:
        names = tuple(map(str, fitting))
        return Doubt(DoubtCode.SAME_PRIORITY, str(fitting[0].priority), names)
    return None
