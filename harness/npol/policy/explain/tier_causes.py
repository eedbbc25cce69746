"""What the tiers before and behind NetworkPolicies have to do with one direction of a path."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.prediction import Cause
from npol.model.sentence import Sentence
from npol.policy.evaluate.decision import DirectionDecision
from npol.policy.evaluate.tier_match import TierRuleFit
from npol.policy.evaluate.tiers import TierWalk
from npol.policy.objects.tier_types import RuleAction, Tier

_VERBS = {RuleAction.ACCEPT: "accepts", RuleAction.DENY: "denies", RuleAction.PASS: "hands on"}
_PLACES = {
    Tier.ADMIN: "before NetworkPolicies are asked",
    Tier.BASELINE: "since no NetworkPolicy isolates it",
}
MOST = 3
"""How many rules that do not fit are named; the rest are counted."""


def deciding_cause(side: DirectionDecision) -> Cause | None:
    """The rule of a tier that decides, as the one cause of the direction."""
    fit = side.tier_rule
    if fit is None:
        return None
    what = f"{_spell(fit)} {_VERBS[fit.rule.action]} it {_PLACES[fit.policy.tier]}"
    return Cause(subject=str(side), what=Sentence(what), at=fit.origin.at)


def undecided_cause(side: DirectionDecision) -> Cause | None:
    """What keeps a tier from being decided, where that leaves the direction open."""
    if side.allowed is not None:
        return None
    walk = next((w for w in side.tiers if w.undefined), None)
    if walk is None:
        return None
    at = next((f.origin.at for f in walk.fits if f.holds is not False), None)
    return Cause(
        subject=str(side), what=Sentence(f"tier {walk.tier.value}: {walk.undefined}"), at=at
    )


def walk_causes(side: DirectionDecision) -> Iterator[Cause]:
    """The walk through the tiers: what was tried, what was passed over, and what came of it."""
    for walk in side.tiers:
        if walk.fits:
            yield from _walk(walk)


def _walk(walk: TierWalk) -> Iterator[Cause]:
    tier = f"tier {walk.tier.value}"
    for fit in walk.passed_over[:MOST]:
        what = f"{tier}: {_spell(fit)} does not fit: {fit.text}"
        yield Cause(what=Sentence(what), at=fit.origin.at)
    if (more := len(walk.passed_over) - MOST) > 0:
        yield Cause(what=Sentence(f"{tier}: {more} more rules do not fit"))
    last = walk.deciding
    if last is not None and last.rule.action is RuleAction.PASS:
        what = f"{tier}: {_spell(last)} hands it on to the next tier"
        yield Cause(what=Sentence(what), at=last.origin.at)


def _spell(fit: TierRuleFit) -> str:
    """`ClusterNetworkPolicy guard (guard.yaml:9), rule "no metadata", priority 10`."""
    name = f", rule {fit.rule.name!r}" if fit.rule.name else ""
    return f"{fit.policy} ({fit.origin}){name}, priority {fit.policy.priority},"
