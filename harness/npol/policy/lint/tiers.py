"""Rules about policies in the tiers around NetworkPolicies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from npol.policy.evaluate.tier_match import selects
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.shadowed import shadowed
from npol.policy.lint.syntax import refusals_of
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, Tier, TierPolicy, TierRule
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_tiers import is_tier_policy, parse_tier_policy
from npol.policy.state.cluster_state import ClusterState


def tier_findings(sources: Iterable[Source], world: ClusterState) -> Iterator[LintFinding]:
    """
    What is odd about the policies in tiers among these objects.

    `world`: whom they select. Where it knows no pods, nothing is said of whom.
    """
    readings = [parse_tier_policy(source) for source in sources if is_tier_policy(source)]
    yield from refusals_of(readings)
    policies = [reading.policy for reading in readings if not reading.mistakes]
    for policy in policies:
        for direction in Direction:
            yield from shadowed(policy, policy.rules(direction), _covers)
        if world.pods:
            yield from _selects_nothing(policy, world)
            yield from _never_asked(policy, world)
    yield from _ties(policies, world)


def _covers(first: TierRule, later: TierRule) -> bool:
    """Whether a rule surely fits whatever a later one does: the same peers again, for example."""
    peers = [(p.pods, p.nodes, p.networks, p.domains) for p in first.peers]
    same = all((p.pods, p.nodes, p.networks, p.domains) in peers for p in later.peers)
    ports = [(p.protocol, p.first, p.last, p.name) for p in first.ports]
    same_ports = later.ports and all(
        (p.protocol, p.first, p.last, p.name) in ports for p in later.ports
    )
    return same and (not first.ports or bool(same_ports))


def _selects_nothing(policy: TierPolicy, world: ClusterState) -> Iterator[LintFinding]:
    if not any(selects(world, policy.subject, pod) for pod in world.pods):
        message = "its subject selects no pod"
        fix = "compare it with the labels of the namespaces: a policy of the cluster has none"
        yield finding_at(LintRule.SELECTS_NO_POD, message, fix, policy, policy.origin)


def _never_asked(policy: TierPolicy, world: ClusterState) -> Iterator[LintFinding]:
    """Behind NetworkPolicies only what none of them isolates is asked about."""
    if policy.tier is not Tier.BASELINE:
        return
    pods = [pod for pod in world.pods if selects(world, policy.subject, pod)]
    used = [direction for direction in Direction if policy.rules(direction)]
    if pods and used and all(world.isolating(p, d) for p in pods for d in used):
        message = "never asked: NetworkPolicies isolate every pod that it selects"
        fix = "what must hold all the same belongs into the Admin tier"
        yield finding_at(LintRule.BASELINE_NEVER_ACTS, message, fix, policy, policy.origin)


def _ties(policies: Sequence[TierPolicy], world: ClusterState) -> Iterator[LintFinding]:
    for one, other in itertools.combinations(policies, 2):
        alike = (one.tier, one.priority) == (other.tier, other.priority)
        if alike and _meet(one, other, world) and _differ(one, other):
            message = f"it shares priority {one.priority} with {one} ({one.origin}): which of the "
            message += "two comes first is undefined"
            fix = "give one of them another priority"
            yield finding_at(LintRule.PRIORITY_TIE, message, fix, other, other.origin)


def _meet(one: TierPolicy, other: TierPolicy, world: ClusterState) -> bool:
    """Whether some pod is selected by both; where no pods are known they may."""
    return not world.pods or any(
        selects(world, one.subject, pod) and selects(world, other.subject, pod)
        for pod in world.pods
    )


def _differ(one: TierPolicy, other: TierPolicy) -> bool:
    """Whether the order may matter in a direction that both have rules for."""
    for direction in Direction:
        both = one.rules(direction), other.rules(direction)
        actions: set[RuleAction] = {rule.action for rules in both for rule in rules}
        if all(both) and len(actions) > 1:
            return True
    return False
