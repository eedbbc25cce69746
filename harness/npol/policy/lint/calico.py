"""Rules about Calico's own policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.policy.evaluate.calico_match import acts_on
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.shadowed import shadowed
from npol.policy.lint.syntax import refusals_of
from npol.policy.objects.calico_types import CalicoEnd, CalicoPolicy, CalicoRule
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.objects.tier_types import RuleAction
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_calico import is_calico_policy, parse_calico_policy
from npol.policy.state.cluster_state import ClusterState

_NOWHERE = Origin("")
_DECISIVE = (RuleAction.ACCEPT, RuleAction.DENY)


def calico_findings(
    sources: Iterable[Source], world: ClusterState, default_namespace: str
) -> Iterator[LintFinding]:
    """
    What is odd about these policies among these objects.

    `world`: whom they select. Where it knows no pods, nothing is said of whom.
    """
    readings = [
        parse_calico_policy(source, default_namespace=default_namespace)
        for source in sources
        if is_calico_policy(source)
    ]
    yield from refusals_of(readings)
    policies = [r.policy for r in readings if not r.mistakes and not r.on_hosts]
    for policy in policies:
        for direction in Direction:
            yield from shadowed(policy, policy.rules(direction), _covers)
    if world.pods:
        yield from _among_pods(policies, world)


def _covers(first: CalicoRule, later: CalicoRule) -> bool:
    """Whether a rule surely fits whatever a later one does; one that logs decides nothing."""
    asked = (
        (first.family, later.family),
        (first.protocol, later.protocol),
        (first.not_protocol, later.not_protocol),
    )
    ends = ((first.source, later.source), (first.destination, later.destination))
    return (
        first.action is not RuleAction.LOG
        and not (first.asks or first.unsettled)
        and all(mine in (None, other) for mine, other in asked)
        and all(_says(mine) in (_says(_anybody(mine)), _says(other)) for mine, other in ends)
    )


def _says(end: CalicoEnd) -> CalicoEnd:
    """What an end says, wherever it stands."""
    return replace(end, origin=_NOWHERE)


def _anybody(end: CalicoEnd) -> CalicoEnd:
    return CalicoEnd(origin=end.origin)


def _among_pods(policies: Sequence[CalicoPolicy], world: ClusterState) -> Iterator[LintFinding]:
    tiers = {tier.name: tier.place for tier in world.calico_tiers_in_order}
    known = [policy for policy in policies if policy.tier in tiers]
    before: dict[tuple[str, Direction], CalicoPolicy] = {}
    for policy in sorted(known, key=lambda p: (tiers[p.tier], p.place)):
        pods = [str(pod) for pod in world.pods if acts_on(world, policy, pod) is not False]
        if not pods:
            message, fix = "it selects no pod", "compare its selectors with the labels of the pods"
            yield finding_at(LintRule.SELECTS_NO_POD, message, fix, policy, policy.origin)
        for direction in Direction:
            rules = policy.rules(direction)
            deciding = {before.get((pod, direction)) for pod in pods}
            if rules and pods and None not in deciding:
                names = ", ".join(sorted(f"{p} (tier {p.tier})" for p in deciding if p))
                message = f"never reached: {names} decides all before it"
                fix = "give it a lower order, or a tier before that one"
                yield finding_at(LintRule.TIER_SHADOWED, message, fix, policy, rules[0].origin)
            if any(_decides_all(rule) for rule in rules):
                for pod in pods:
                    before.setdefault((pod, direction), policy)


def _decides_all(rule: CalicoRule) -> bool:
    """Whether no packet goes beyond it."""
    ends = (rule.source, rule.destination)
    limits = (rule.family, rule.protocol, rule.not_protocol, rule.asks or None)
    return (
        rule.action in _DECISIVE
        and all(limit is None for limit in limits)
        and not rule.unsettled
        and all(end == _anybody(end) for end in ends)
    )
