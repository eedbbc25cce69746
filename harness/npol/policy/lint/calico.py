"""Rules about Calico's own policies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from npol.policy.evaluate.calico_match import acts_on, may_act_in
from npol.policy.lint.behind_tiers import TierOrder, passes
from npol.policy.lint.context import Scope
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.shadowed import shadowed
from npol.policy.lint.syntax import refusals_of
from npol.policy.lint.ties import ties
from npol.policy.lint.unselected import Unselected, unselected
from npol.policy.objects.calico_labels import OF_NAMESPACE
from npol.policy.objects.calico_selectors import keys_in
from npol.policy.objects.calico_types import CalicoEnd, CalicoPolicy, CalicoRule
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.objects.tier_types import RuleAction
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_calico import is_calico_policy, parse_calico_policy
from npol.policy.state.cluster_state import ClusterState

_NOWHERE = Origin("")
_DECISIVE = (RuleAction.ACCEPT, RuleAction.DENY)


def calico_findings(
    sources: Iterable[Source], scope: Scope, default_namespace: str
) -> Iterator[LintFinding]:
    """
    What is odd about these policies among these objects.

    `scope`: whom they select. Where it knows no pods, nothing is said of whom.
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
    yield from _among_pods(policies, scope)


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


@dataclass(frozen=True, slots=True)
class _Selecting:
    """A policy, and the pods that it selects, as far as pods are known."""

    policy: CalicoPolicy
    pods: tuple[Pod, ...]


def _among_pods(policies: Sequence[CalicoPolicy], scope: Scope) -> Iterator[LintFinding]:
    world = scope.seen
    found = [
        _Selecting(p, tuple(pod for pod in world.pods if acts_on(world, p, pod) is not False))
        for p in policies
    ]
    known = {str(policy): policy for policy in (*world.calico_policies, *policies)}
    order = TierOrder(world, tuple(known.values()))
    for one in found:
        if world.pods and not one.pods:
            yield from unselected(scope, _unselected(one.policy))
        yield from order.passes_to_nothing(one.policy, one.pods, _covers)
    if world.pods:
        yield from _never_reached(found, world)
    names = {str(one.policy): set(map(str, one.pods)) for one in found}
    outcome = "the name alone decides which of the two comes first"
    yield from ties(policies, lambda a, b: _meet(a, b, names if world.pods else None), outcome)


def _unselected(policy: CalicoPolicy) -> Unselected:
    keys = list(keys_in(policy.selector))
    return Unselected(
        policy=policy,
        origin=policy.origin,
        message=f"its selector, {policy.selector}, selects no pod",
        fix="compare it with the labels of the pods, and of their namespaces",
        pod_labels=keys,
        namespace_labels=[k.removeprefix(OF_NAMESPACE) for k in keys if k.startswith(OF_NAMESPACE)],
        may_act_in=lambda namespace: (
            policy.namespace in ("", namespace.name) and may_act_in(policy, namespace)
        ),
    )


def _meet(one: CalicoPolicy, other: CalicoPolicy, pods: Mapping[str, set[str]] | None) -> bool:
    """Whether both select a pod; where no pods are known, whether they surely may."""
    if pods is not None:
        return bool(pods[str(one)] & pods[str(other)])
    apart = one.namespace and other.namespace and one.namespace != other.namespace
    return not apart and str(one.selector) == str(other.selector)


def _never_reached(found: Sequence[_Selecting], world: ClusterState) -> Iterator[LintFinding]:
    """Behind a rule for all, and behind a tier that denies what none of its rules fits."""
    before: dict[tuple[str, Direction], str] = {}
    for tier in world.calico_tiers_in_order:
        inside = [one for one in found if one.policy.tier == tier.name]
        for one in sorted(inside, key=lambda one: one.policy.place):
            yield from _behind_others(one, before)
            rules = [r for d in Direction for r in one.policy.rules(d) if _decides_all(r)]
            _note(
                before, one, {rule.direction for rule in rules}, f"{one.policy} (tier {tier.name})"
            )
        if tier.denies:
            _note_end(before, inside, f"the end of tier {tier.name}")


def _note_end(
    before: dict[tuple[str, Direction], str], inside: Sequence[_Selecting], what: str
) -> None:
    """What a rule of the tier passes does not come to its end."""
    for direction in Direction:
        passed = {str(pod) for one in inside if passes(one.policy, direction) for pod in one.pods}
        for one in inside:
            if direction in one.policy.directions:
                for pod in {*map(str, one.pods)} - passed:
                    before.setdefault((pod, direction), what)


def _note(
    before: dict[tuple[str, Direction], str],
    one: _Selecting,
    directions: Collection[Direction],
    what: str,
) -> None:
    for pod in one.pods:
        for direction in directions:
            before.setdefault((str(pod), direction), what)


def _behind_others(
    one: _Selecting, before: Mapping[tuple[str, Direction], str]
) -> Iterator[LintFinding]:
    for direction in Direction:
        rules = one.policy.rules(direction)
        deciding = {before.get((str(pod), direction), "") for pod in one.pods}
        if rules and deciding and "" not in deciding:
            message = f"never reached: {', '.join(sorted(deciding))} decides all before it"
            fix = "give it a lower order, or a tier before that one"
            yield finding_at(LintRule.TIER_SHADOWED, message, fix, one.policy, rules[0].origin)


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
