"""What the tiers before and behind NetworkPolicies have to do with one direction of a path."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.causes import (
    Cause,
    MoreRankedRulesMiss,
    RankedRule,
    RankedRuleFits,
    RankedRuleMisses,
    TierUndecided,
)
from npol.model.placed_policy import PlacedPolicy
from npol.policy.evaluate.calico_match import CalicoRuleFit
from npol.policy.evaluate.decision import DirectionDecision
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.evaluate.tier_match import TierRuleFit
from npol.policy.evaluate.tiers import TierWalk
from npol.policy.objects.tier_types import RuleAction

_Ranked = TierRuleFit | CalicoRuleFit
MOST = 3
"""How many rules that do not fit are named; the rest are counted."""


def deciding_cause(side: DirectionDecision) -> Cause | None:
    """The rule of a tier that decides, as the one cause of the direction."""
    fit = side.tier_rule
    if fit is None:
        return None
    isolated = any(walk.isolated for walk in side.tiers if walk.ranked is fit)
    return Cause(subject=str(side), what=_fits(fit, isolated=isolated), at=fit.origin.at)


def undecided_cause(side: DirectionDecision) -> Cause | None:
    """What keeps a tier from being decided, where that leaves the direction open."""
    if side.allowed is not None:
        return None
    for walk in side.tiers:
        if walk.doubt:
            at = next((f.origin.at for f in walk.fits if f.holds is not False), None)
            what = TierUndecided(walk.tier, walk.doubt)
            return Cause(subject=str(side), what=what, at=at)
    return None


def walk_causes(side: DirectionDecision) -> Iterator[Cause]:
    """The walk through the tiers: what was tried, what was passed over, and what came of it."""
    for walk in side.tiers:
        if walk.fits:
            yield from _walk(walk)


def _walk(walk: TierWalk) -> Iterator[Cause]:
    passed_over = [fit for fit in walk.passed_over if not isinstance(fit, RuleFit)]
    for fit in passed_over[:MOST]:
        yield Cause(what=RankedRuleMisses(_ranked(fit), fit.mismatches), at=fit.origin.at)
    if (more := len(passed_over) - MOST) > 0:
        yield Cause(what=MoreRankedRulesMiss(walk.tier, more))
    last = walk.ranked
    if last is not None and last.action is RuleAction.PASS:
        yield Cause(what=_fits(last), at=last.origin.at)


def _fits(fit: _Ranked, *, isolated: bool = False) -> RankedRuleFits:
    return RankedRuleFits(_ranked(fit), fit.action.value, isolated)


def _ranked(fit: _Ranked) -> RankedRule:
    policy = fit.policy
    return RankedRule(
        tier=policy.tier_name,
        policy=PlacedPolicy(str(policy), str(fit.origin)),
        name=fit.rule.name,
        rank=policy.rank,
    )
