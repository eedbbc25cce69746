"""Why a flow does what it does: the policies at both ends, each cause in one sentence."""

from __future__ import annotations

from npol.errors import Position
from npol.model.prediction import Cause
from npol.model.sentence import Sentence
from npol.policy.evaluate.decision import Decision, DirectionDecision, PathDecision, RuleFit
from npol.policy.evaluate.evaluate import evaluate
from npol.policy.evaluate.match import RulePart, spell_labels
from npol.policy.explain.mismatch import reason
from npol.policy.explain.tier_causes import deciding_cause, undecided_cause
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod, Traffic
from npol.policy.objects.netpol_types import Direction, Policy
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import spell

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
    found = [
        Cause(what=Sentence(f"{o} may select an end, and is not evaluated"))
        for o in decision.others
    ]
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
    if side.not_applicable:
        return [Cause(subject=str(side), what=Sentence(side.not_applicable))]
    if cause := deciding_cause(side) or undecided_cause(side):
        return [cause]
    if not side.isolating:
        return [_not_isolated(world, side)]
    if side.matching:
        return [
            Cause(
                subject=str(side),
                what=Sentence(f"{f.policy} allows it ({f.origin})"),
                at=f.origin.at,
            )
            for f in side.matching
        ]
    return [*_misses(world, side, path), _isolated(side, path)]


def _not_isolated(world: ClusterState, side: DirectionDecision) -> Cause:
    """No policy selects the pod: name one of its namespace that might have been meant to."""
    about, what = str(side), f"no policy selects it for {side.direction.value}"
    if not isinstance(side.subject, Pod):
        return Cause(subject=about, what=Sentence(what))
    for policy in world.policies_in(side.subject.namespace):
        if side.direction in policy.directions:
            has = spell_labels(side.subject.labels)
            what += f"; {policy} ({policy.origin}) selects {spell(policy.selector)}, not {has}"
            return Cause(subject=about, what=Sentence(what), at=policy.origin.at)
    return Cause(subject=about, what=Sentence(what))


def _misses(world: ClusterState, side: DirectionDecision, path: PathDecision) -> list[Cause]:
    """The rules that fail in their peer or in their ports, but not in both."""
    near = [
        f
        for f in side.rules
        if (f.peer_fit.holds is True) != (f.port_fit.holds is True)
        and RulePart.KIND not in f.failed
    ]
    near.sort(key=lambda f: (f.port_fit.holds is True, len(f.failed)))
    return [_miss(world, side, fit, path) for fit in near[:MOST]]


def _miss(world: ClusterState, side: DirectionDecision, fit: RuleFit, path: PathDecision) -> Cause:
    clause = fit.port if fit.port_fit.holds is not True else fit.peer
    origin = clause.origin if clause else fit.origin
    why = reason(world, fit, path.path)
    word = "may or may not fit" if fit.holds is None else "does not fit"
    what = f"{fit.policy} ({origin}) {word}: {why}"
    return Cause(subject=str(side), what=Sentence(what), at=origin.at)


def _isolated(side: DirectionDecision, path: PathDecision) -> Cause:
    names = ", ".join(f"{p} ({p.origin})" for p in side.isolating[:MOST])
    more = len(side.isolating) - MOST
    names += f" and {more} more" if more > 0 else ""
    whose = "their" if len(side.isolating) > 1 else "its"
    allows = "is known to allow it" if side.allowed is None else "allows it"
    what = f"isolated by {names}, and none of {whose} rules {allows}{_remedy(side, path)}"
    return Cause(subject=str(side), what=Sentence(what), at=_first(side.isolating))


def _first(policies: tuple[Policy, ...]) -> Position | None:
    return policies[0].origin.at


def _remedy(side: DirectionDecision, path: PathDecision) -> str:
    """What is easily forgotten: DNS, and that the other side's rule is not enough."""
    if side.direction is Direction.EGRESS and path.path.port == DNS_PORT:
        return ": names do not resolve; allow egress to the DNS pods on UDP and TCP 53"
    other = path.ingress if side is path.egress else path.egress
    if not other.matching:
        return ""
    fit = other.matching[0]
    return (
        f"; {fit.policy} ({fit.origin}) allows its {other.direction.field}, "
        f"but a flow needs the egress of its source and the ingress of its target"
    )
