"""
Cilium's own policies and NetworkPolicies in one layer, for one direction of a path.

A rule that denies beats every rule that allows, of whatever kind. Rules isolate the pod unless
their section says otherwise (`enableDefaultDeny`); then it stays open but for what is denied.
Source: cilium/cilium v1.20.2 pkg/policy/repository.go (computePolicyEnforcementAndRules).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from npol.model.doubt import Doubt, DoubtCode
from npol.policy.evaluate.cilium_match import CiliumRuleFit, fit_cilium_rule
from npol.policy.evaluate.decision import DirectionDecision, LayerEnd
from npol.policy.evaluate.match import Path, either
from npol.policy.objects import cilium_labels
from npol.policy.objects.cilium_types import CiliumPolicy, CiliumSection
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Namespace, Pod
from npol.policy.objects.netpol_types import Direction
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Selector, matches

Selected = tuple[CiliumPolicy, CiliumSection]


def with_cilium(
    world: ClusterState,
    below: DirectionDecision,
    subject: Pod,
    path: Path,
    dialect: Dialect,
    exempt: Doubt | None,
) -> DirectionDecision:
    """
    What NetworkPolicies make of it, with Cilium's own policies beside them.

    `exempt`: what may keep all but rules that deny from acting on this direction.
    """
    chosen = sections_for(world, subject)
    fits = tuple(
        fit_cilium_rule(world, policy, rule, subject, path, dialect)
        for policy, section in chosen
        for rule in section.rules
        if rule.direction is below.direction
    )
    closing = [policy for policy, section in chosen if below.direction in section.isolates]
    if not fits and not closing:
        return below
    sure = {str(policy): policy for policy in closing if not policy.needs}
    isolating = (*below.isolating, *sure.values())
    denied = either(fit.holds for fit in fits if fit.denies)
    let_through = either(fit.holds for fit in (*below.rules, *fits) if not fit.denies)
    closed = True if isolating else None if closing else False
    redirects = any(fit.redirects for fit in fits)
    ends = _ends(denied, None if redirects else let_through, closed, may_be_refused=redirects)
    if exempt and not denied:
        ends |= {LayerEnd.ALLOWED}
    answers = {end in (LayerEnd.ALLOWED, LayerEnd.OPEN) for end in ends}
    allowed = answers.pop() if len(answers) == 1 else None
    return replace(
        below,
        allowed=allowed,
        isolating=isolating,
        rules=(*below.rules, *fits),
        doubt=exempt or _doubt(below, fits, closing) if allowed is None else None,
        layer_ends=ends,
    )


def _ends(
    denied: bool | None, let_through: bool | None, closed: bool | None, *, may_be_refused: bool
) -> frozenset[LayerEnd]:
    """What may come of it; `may_be_refused`: a proxy decides on what is allowed."""
    if denied:
        return frozenset({LayerEnd.DENIED})
    found = {LayerEnd.DENIED} if denied is None or may_be_refused else set()
    if let_through is not False:
        found.add(LayerEnd.ALLOWED)
    if not let_through:
        found |= {LayerEnd.CLOSED} if closed is not False else set()
        found |= {LayerEnd.OPEN} if not closed else set()
    return frozenset(found)


def sections_for(world: ClusterState, pod: Pod) -> list[Selected]:
    """The sections of Cilium's policies that act on a pod."""
    return _selected(world.cilium_policies_in(pod.namespace), world, pod)


def _selected(policies: Iterable[CiliumPolicy], world: ClusterState, pod: Pod) -> list[Selected]:
    labels = world.identity_of(pod)
    return [
        (policy, section)
        for policy in policies
        for section in policy.sections
        if not section.nodes and matches(section.selector, labels)
    ]


def denied_to_own_node(
    world: ClusterState, subject: End, path: Path, dialect: Dialect
) -> DirectionDecision | None:
    """
    What closes a pod to its own node all the same: rules that deny it (measured on 1.20.2).

    None: nothing does.
    """
    if not isinstance(subject, Pod):
        return None
    fits = tuple(
        fit_cilium_rule(world, policy, rule, subject, path, dialect)
        for policy, section in sections_for(world, subject)
        for rule in section.rules
        if rule.denies and rule.direction is Direction.INGRESS
    )
    denied = either(fit.holds for fit in fits)
    if denied is False:
        return None
    return DirectionDecision(
        direction=Direction.INGRESS,
        subject=subject,
        allowed=_not(denied),
        rules=fits,
        doubt=None if denied else next(fit.doubt for fit in fits if fit.holds is None),
    )


def host_doubt(world: ClusterState, end: End, direction: Direction) -> Doubt | None:
    """The policies that may act on a node, or on a pod that stands for one."""
    if isinstance(end, ExternalEndpoint) or (isinstance(end, Pod) and not end.host_network):
        return None
    names = tuple(
        str(policy)
        for policy in world.cilium_policies
        for section in policy.sections
        if section.nodes and any(rule.direction is direction for rule in section.rules)
    )
    return Doubt(DoubtCode.HOST_POLICIES, str(end), names) if names else None


def acts_on(world: ClusterState, policy: CiliumPolicy, pod: Pod) -> bool:
    """Whether a policy selects a pod: never one on its node's network."""
    return not pod.host_network and any(own is policy for own, _ in _selected([policy], world, pod))


def may_act_in(policy: CiliumPolicy, namespace: Namespace) -> bool:
    """Whether a policy may select pods of a namespace, whatever labels they have."""
    return any(section_may_act_in(s, namespace) for s in policy.sections if not s.nodes)


def section_may_act_in(section: CiliumSection, namespace: Namespace) -> bool:
    """The same of a part of one."""
    return matches(_about_place(section.selector), cilium_labels.of_namespace(namespace))


def _about_place(selector: Selector) -> Selector:
    """What a selector asks of the namespace alone."""
    return {
        "matchLabels": {k: v for k, v in selector["matchLabels"].items() if _is_place(k)},
        "matchExpressions": [e for e in selector["matchExpressions"] if _is_place(e["key"])],
    }


def _is_place(key: str) -> bool:
    return cilium_labels.without_source(key).startswith(
        (cilium_labels.NAMESPACE, cilium_labels.NAMESPACE_LABELS)
    )


def _doubt(
    below: DirectionDecision, fits: tuple[CiliumRuleFit, ...], closing: list[CiliumPolicy]
) -> Doubt | None:
    """What the answer hangs on: a rule, or whether the agent takes a policy."""
    unsure = sorted((f for f in fits if f.holds is None), key=lambda f: not f.redirects)
    for fit in unsure:
        return fit.doubt
    for policy in closing:
        if policy.needs:
            return Doubt(DoubtCode.AGENT_OPTION, str(policy), (policy.needs,))
    return below.doubt


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value
