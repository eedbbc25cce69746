"""Rules about Cilium's own policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.policy.evaluate.cilium_layer import Selected, section_may_act_in, sections_for
from npol.policy.lint.context import Scope
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.lint.syntax import refusals_of
from npol.policy.lint.unselected import Unselected, unselected
from npol.policy.objects.cilium_labels import NAMESPACE_LABELS, without_source
from npol.policy.objects.cilium_types import CiliumPeer, CiliumPolicy, CiliumPort, CiliumRule
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Origin
from npol.policy.parse.object_source import Source
from npol.policy.parse.parse_cilium import is_cilium_policy, parse_cilium_policy
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import keys_of, spell


def cilium_findings(
    sources: Iterable[Source], scope: Scope, default_namespace: str
) -> Iterator[LintFinding]:
    """
    What is odd about these policies among these objects.

    `scope`: whom they select. Where it knows no pods, nothing is said of whom.
    """
    readings = [
        parse_cilium_policy(source, default_namespace=default_namespace)
        for source in sources
        if is_cilium_policy(source)
    ]
    yield from refusals_of(readings)
    policies = [reading.policy for reading in readings if not reading.mistakes]
    acting = _acting(replace(scope.seen, cilium_policies=tuple(policies)))
    for policy in policies:
        for section in policy.sections:
            if not section.nodes:
                mine = acting.get(_key(section.origin), [])
                yield from _of_section((policy, section), mine, policies, acting, scope)


_Acting = dict[str, list[Pod]]
"""A section's place -> the pods that it acts on."""


def _key(origin: Origin) -> str:
    return f"{origin.kind} {origin.policy} {origin.path}"


def _acting(world: ClusterState) -> _Acting:
    found: _Acting = {}
    for pod in world.pods:
        for _, section in sections_for(world, pod) if not pod.host_network else ():
            found.setdefault(_key(section.origin), []).append(pod)
    return found


def _of_section(
    chosen: Selected,
    mine: Sequence[Pod],
    policies: Sequence[CiliumPolicy],
    acting: _Acting,
    scope: Scope,
) -> Iterator[LintFinding]:
    policy, section = chosen
    known = scope.seen.pods_in(policy.namespace) if policy.namespace else scope.seen.pods
    if known and not mine:
        yield from _selects_nothing(chosen, scope)
        return
    denies = [
        rule
        for other in policies
        for theirs in other.sections
        if theirs is section or (mine and _holds_all(acting.get(_key(theirs.origin), []), mine))
        for rule in theirs.rules
        if rule.denies
    ]
    for rule in section.rules:
        if not rule.denies and (first := next((d for d in denies if _covers(d, rule)), None)):
            message = f"allows nothing: {first.origin} denies all that it allows"
            fix = "narrow the deny, or drop the rule: a deny beats every allow"
            yield finding_at(LintRule.DENIED_RULE, message, fix, policy, rule.origin)


def _selects_nothing(chosen: Selected, scope: Scope) -> Iterator[LintFinding]:
    policy, section = chosen
    keys = [without_source(key) for key in keys_of(section.selector)]
    around = [k.removeprefix(NAMESPACE_LABELS) for k in keys if k.startswith(NAMESPACE_LABELS)]
    one = Unselected(
        policy=policy,
        origin=section.origin,
        message=f"endpointSelector {spell(section.selector)} selects no pod",
        fix="compare it with the labels of the pods, and of their namespaces",
        pod_labels=keys,
        values=list(section.selector["matchLabels"].values()),
        namespace_labels=around,
        may_act_in=lambda namespace: section_may_act_in(section, namespace),
    )
    yield from unselected(scope, one)


def _holds_all(theirs: Sequence[Pod], mine: Sequence[Pod]) -> bool:
    names = {str(pod) for pod in theirs}
    return all(str(pod) in names for pod in mine)


def _covers(deny: CiliumRule, rule: CiliumRule) -> bool:
    """Whether a rule surely denies whatever another one allows; of one that allows none, no."""
    if deny.direction is not rule.direction or deny.services or rule.peers == ():
        return False
    return _covers_peers(deny, rule) and _covers_ports(deny.ports, rule.ports)


def _covers_peers(deny: CiliumRule, rule: CiliumRule) -> bool:
    if deny.peers is None or any(peer.entity == "all" for peer in deny.peers):
        return True
    said = [_said(peer) for peer in deny.peers]
    return rule.peers is not None and all(_said(peer) in said for peer in rule.peers)


def _said(peer: CiliumPeer) -> tuple[object, ...]:
    """What a peer says, wherever it stands."""
    return peer.endpoints, peer.nodes, peer.entity, peer.block, peer.group, peer.named


def _covers_ports(
    denied: tuple[CiliumPort, ...] | None, allowed: tuple[CiliumPort, ...] | None
) -> bool:
    if denied is None:
        return allowed != ()
    said = [(port.protocol, port.port, port.end_port, port.other) for port in denied]
    return bool(allowed) and all(
        (port.protocol, port.port, port.end_port, port.other) in said for port in allowed or ()
    )
