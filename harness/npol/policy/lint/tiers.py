"""Rules about policies in the tiers around NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.policy.evaluate.tier_match import selects
from npol.policy.lint.behind_tiers import TierOrder
from npol.policy.lint.context import Scope
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.shadowed import shadowed
from npol.policy.lint.syntax import refusals_of
from npol.policy.lint.ties import ties
from npol.policy.lint.unselected import Unselected, unselected
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction
from npol.policy.objects.tier_types import RuleAction, Tier, TierPolicy, TierRule
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_tiers import is_tier_policy, parse_tier_policy
from npol.selectors import keys_of, matches, spell

ALONE = "BaselineAdminNetworkPolicy"
"""The kind of which a cluster has one, `default`, without a priority (policy-api v1alpha1)."""


def tier_findings(sources: Iterable[Source], scope: Scope) -> Iterator[LintFinding]:
    """
    What is odd about the policies in tiers among these objects.

    `scope`: whom they select. Where it knows no pods, nothing is said of whom.
    """
    readings = [parse_tier_policy(source) for source in sources if is_tier_policy(source)]
    yield from refusals_of(readings)
    policies = [reading.policy for reading in readings if not reading.mistakes]
    yield from _same_names(policies)
    for policy in policies:
        for direction in Direction:
            yield from shadowed(policy, policy.rules(direction), _covers)
    standing = {str(policy): policy for policy in policies}
    yield from _among_pods(list(standing.values()), scope)


def _same_names(policies: Sequence[TierPolicy]) -> Iterator[LintFinding]:
    """Those of one name, which replace each other; another directory may be for other clusters."""
    seen: dict[str, TierPolicy] = {}
    for policy in policies:
        first = seen.setdefault(str(policy), policy)
        if first is not policy:
            message = f"{policy} is written down twice, first at {first.origin}"
            fix = "one object of a name is all there is: the one applied last replaces the other"
            found = finding_at(LintRule.SAME_NAME, message, fix, policy, policy.origin)
            elsewhere = first.origin.directory != policy.origin.directory
            yield replace(found, harmless=elsewhere)


def _covers(first: TierRule, later: TierRule) -> bool:
    """Whether a rule surely fits whatever a later one does: the same peers again, for example."""
    peers = [(p.pods, p.nodes, p.networks, p.domains) for p in first.peers]
    same = all((p.pods, p.nodes, p.networks, p.domains) in peers for p in later.peers)
    ports = [(p.protocol, p.first, p.last, p.name) for p in first.ports]
    same_ports = later.ports and all(
        (p.protocol, p.first, p.last, p.name) in ports for p in later.ports
    )
    return same and (not first.ports or bool(same_ports))


def _among_pods(policies: Sequence[TierPolicy], scope: Scope) -> Iterator[LintFinding]:
    world, dialect = scope.seen, scope.dialect
    order = TierOrder(world, world.calico_policies)
    pods = {
        str(policy): [pod for pod in world.pods if selects(world, policy.subject, pod)]
        for policy in policies
    }
    for policy in policies:
        mine = pods[str(policy)]
        if world.pods and not mine:
            yield from unselected(scope, _unselected(policy))
        yield from _never_asked(policy, mine, order, dialect)
        yield from order.passes_to_nothing(policy, mine, _covers)
    names = {name: set(map(str, mine)) for name, mine in pods.items()}
    outcome = "which of the two comes first is undefined"
    if dialect.breaks_ties_by_name:
        outcome = "the name alone decides which of the two comes first"
    yield from ties(
        [p for p in policies if p.kind != ALONE],
        lambda a, b: not world.pods or bool(names[str(a)] & names[str(b)]),
        outcome,
    )


def _unselected(policy: TierPolicy) -> Unselected:
    subject = policy.subject
    pods = f" and pods with {spell(subject.pods)}" if subject.pods else ""
    return Unselected(
        policy=policy,
        origin=policy.origin,
        message=f"its subject, namespaces with {spell(subject.namespaces)}{pods}, selects no pod",
        fix="compare it with the labels of the namespaces: a policy of the cluster has none",
        pod_labels=keys_of(subject.pods or {}),
        values=list(((subject.pods or {}).get("matchLabels") or {}).values()),
        namespace_labels=keys_of(subject.namespaces),
        may_act_in=lambda namespace: matches(subject.namespaces, namespace.labels),
    )


def _never_asked(
    policy: TierPolicy, pods: Sequence[Pod], order: TierOrder, dialect: Dialect
) -> Iterator[LintFinding]:
    """Behind what isolates a pod, only an Accept is asked about, and not by every plugin."""
    used = [d for d in Direction if policy.rules(d)]
    opens = dialect.baseline_opens_isolated and any(
        rule.action is RuleAction.ACCEPT for d in used for rule in policy.rules(d)
    )
    if policy.tier is not Tier.BASELINE or not pods or not used or opens:
        return
    if all(order.closes_before_baseline(pod, d) for pod in pods for d in used):
        message = "never asked: the policies before it isolate every pod that it selects"
        fix = "what must hold all the same belongs into the Admin tier"
        yield finding_at(LintRule.BASELINE_NEVER_ACTS, message, fix, policy, policy.origin)
