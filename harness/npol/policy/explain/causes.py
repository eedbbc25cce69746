"""Why a flow does what it does: the policies at both ends, each cause a value."""

from __future__ import annotations

from npol.model.causes import (
    AllowedBy,
    Cause,
    DeniedBy,
    Isolated,
    NotEvaluated,
    NotFitting,
    NotSelected,
)
from npol.model.mismatch import RulePart
from npol.model.placed_policy import PlacedPolicy
from npol.policy.evaluate.cilium_match import CiliumRuleFit
from npol.policy.evaluate.decision import (
    Decision,
    DirectionDecision,
    LayerRuleFit,
    PathDecision,
)
from npol.policy.evaluate.evaluate import evaluate
from npol.policy.evaluate.rule_fit import LayerPolicy, RuleFit
from npol.policy.explain.mismatch import mismatches
from npol.policy.explain.tier_causes import deciding_cause, undecided_cause
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod, Traffic
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import spell, spell_labels

DNS_PORT = 53
MOST = 3
"""How many misses, or policies, one side's causes name; the rest are farther off."""


def nearest(world: ClusterState, traffic: Traffic, dialect: Dialect = SPEC) -> list[Cause]:
    """
    What decides a flow, the most telling first.

    For a closed flow: what in the nearest rules does not fit, and what isolates each closed
    side. For an open one: the rules that allow it, or why no policy acts on it.
    """
    return causes(world.as_read(dialect), evaluate(world, traffic, dialect))


def causes(world: ClusterState, decision: Decision) -> list[Cause]:
    """The same, of a flow that is decided already."""
    found = [Cause(what=NotEvaluated(str(other))) for other in decision.others]
    if decision.why_unknown and not decision.others:
        found.append(Cause(what=decision.why_unknown))
    for path in decision.distinct_paths:
        if decision.allowed is None and path.allowed:
            continue
        for side in path.sides:
            if decision.allowed or side.allowed is not True:
                found += side_causes(world, side, path)
    return list(dict.fromkeys(found))


def side_causes(world: ClusterState, side: DirectionDecision, path: PathDecision) -> list[Cause]:
    """The causes of one side, open or closed."""
    about = str(side)
    if side.not_applicable:
        return [Cause(subject=about, what=side.not_applicable)]
    if cause := deciding_cause(side) or undecided_cause(side):
        return [cause]
    if side.denying:
        return [
            Cause(subject=about, what=DeniedBy(_placed(f.policy, f.origin)), at=f.origin.at)
            for f in side.denying
        ]
    if unsure := _unsure(side):
        return [_miss(world, side, unsure, path)]
    if not side.isolating:
        return [_not_isolated(world, side)]
    if side.matching:
        return [
            Cause(subject=about, what=AllowedBy(_placed(f.policy, f.origin)), at=f.origin.at)
            for f in side.matching
        ]
    return [*_misses(world, side, path), _isolated(side, path)]


def _unsure(side: DirectionDecision) -> CiliumRuleFit | None:
    """The rule of Cilium's that the answer hangs on, if it does."""
    if side.allowed is not None:
        return None
    own = (f for f in side.rules if isinstance(f, CiliumRuleFit))
    return next((f for f in own if f.holds is None and f.doubt == side.doubt), None)


def _not_isolated(world: ClusterState, side: DirectionDecision) -> Cause:
    """No policy selects the pod: name one of its namespace that might have been meant to."""
    about, direction = str(side), side.direction
    policies = world.policies_in(side.subject.namespace) if isinstance(side.subject, Pod) else ()
    near = next((policy for policy in policies if direction in policy.directions), None)
    if near is None or not isinstance(side.subject, Pod):
        return Cause(subject=about, what=NotSelected(direction.value))
    what = NotSelected(
        direction.value,
        near=_placed(near, near.origin),
        selector=spell(near.selector),
        labels=spell_labels(side.subject.labels),
    )
    return Cause(subject=about, what=what, at=near.origin.at)


def _placed(policy: LayerPolicy, origin: Origin) -> PlacedPolicy:
    return PlacedPolicy(str(policy), str(origin))


def _misses(world: ClusterState, side: DirectionDecision, path: PathDecision) -> list[Cause]:
    """The rules that fail in their peer or in their ports, but not in both."""
    near = [
        f
        for f in side.rules
        if not f.denies
        and (f.peer_fit.holds is True) != (f.port_fit.holds is True)
        and RulePart.KIND not in f.failed
    ]
    near.sort(key=lambda f: (f.port_fit.holds is True, len(f.failed)))
    return [_miss(world, side, fit, path) for fit in near[:MOST]]


def _miss(
    world: ClusterState,
    side: DirectionDecision,
    fit: LayerRuleFit,
    path: PathDecision,
) -> Cause:
    clause = fit.port if fit.port_fit.holds is not True else fit.peer
    origin = clause.origin if clause else fit.origin
    what = NotFitting(
        _placed(fit.policy, origin),
        mismatches(world, fit, path.path) if isinstance(fit, RuleFit) else fit.mismatches,
        doubt=fit.doubt,
        sure=fit.holds is not None,
    )
    return Cause(subject=str(side), what=what, at=origin.at)


def _isolated(side: DirectionDecision, path: PathDecision) -> Cause:
    """With what is easily forgotten: DNS, and that the other side's rule is not enough."""
    from_dns = side.direction is Direction.EGRESS and path.path.port == DNS_PORT
    other = path.ingress if side is path.egress else path.egress
    fits = () if from_dns else other.matching
    allowing = next((_placed(f.policy, f.origin) for f in fits), None)
    what = Isolated(
        policies=tuple(_placed(p, p.origin) for p in side.isolating[:MOST]),
        more=max(len(side.isolating) - MOST, 0),
        sure=side.allowed is not None,
        from_dns=from_dns,
        allowing=allowing,
        other_direction=other.direction.field if allowing else "",
    )
    return Cause(subject=str(side), what=what, at=side.isolating[0].origin.at)
