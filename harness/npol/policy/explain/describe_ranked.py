"""What a policy of another kind than NetworkPolicy says, and which pods it selects now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.described_policy import (
    DescribedAction,
    DescribedDirection,
    DescribedEnd,
    DescribedStanding,
    EndSort,
    PolicyLine,
    SelectedPods,
)
from npol.policy.evaluate.calico_match import acts_on
from npol.policy.evaluate.cilium_layer import acts_on as cilium_acts_on
from npol.policy.evaluate.cilium_peers import spell_sourced
from npol.policy.evaluate.tier_match import selects
from npol.policy.explain.describe import spell_any, workloads
from npol.policy.objects.calico_types import CalicoEnd, CalicoPolicy, CalicoRule
from npol.policy.objects.cilium_types import CiliumPeer, CiliumPolicy, CiliumRule, CiliumSection
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, Network
from npol.policy.objects.tier_types import RuleAction, TierPeer, TierPolicy, TierRule
from npol.policy.state.cluster_state import ClusterState

_WRITTEN = {RuleAction.ACCEPT: "Allow"}
"""As network plugins' own kinds write it."""
RankedPolicy = TierPolicy | CiliumPolicy | CalicoPolicy


def describe_ranked(
    world: ClusterState, policy: RankedPolicy, *, counted: bool = True
) -> tuple[PolicyLine, ...]:
    """Line by line; `counted`: see `explain_policy`."""
    return tuple(_lines(world, policy, counted))


def _lines(world: ClusterState, policy: RankedPolicy, counted: bool) -> Iterator[PolicyLine]:
    selected = [p for p in world.pods if not p.finished and _selects(world, policy, p)]
    pods = SelectedPods(tuple(workloads(selected)), len(selected) if counted else None)
    if isinstance(policy, CiliumPolicy):
        yield PolicyLine(DescribedStanding(str(policy), pods), policy.origin.at)
        for section in policy.sections:
            yield from _of_section(section)
        return
    what = DescribedStanding(str(policy), pods, policy.tier_name, policy.rank)
    yield PolicyLine(what, policy.origin.at)
    for direction in Direction:
        for rule in policy.rules(direction):
            yield PolicyLine(_action(rule), rule.origin.at)


def _selects(world: ClusterState, policy: RankedPolicy, pod: Pod) -> bool:
    if isinstance(policy, TierPolicy):
        return selects(world, policy.subject, pod)
    if isinstance(policy, CiliumPolicy):
        return cilium_acts_on(world, policy, pod)
    return acts_on(world, policy, pod) is not False


def _of_section(section: CiliumSection) -> Iterator[PolicyLine]:
    for direction in Direction:
        rules = [rule for rule in section.rules if rule.direction is direction]
        allowing = sum(not rule.denies for rule in rules)
        if rules:
            isolates = direction in section.isolates
            what = DescribedDirection(direction.field, allowing if isolates else None)
            yield PolicyLine(what, section.origin.at)
        yield from (PolicyLine(_of_cilium(rule), rule.origin.at) for rule in rules)


def _action(rule: TierRule | CalicoRule) -> DescribedAction:
    if isinstance(rule, TierRule):
        word = rule.direction.peers_field
        ends = tuple(end for peer in rule.peers for end in _of_tiered(peer, word))
        ports = tuple(map(str, rule.ports))
        return DescribedAction(rule.direction.field, rule.action.value, ends, ports)
    ends = (*_of_calico(rule.source, "from"), *_of_calico(rule.destination, "to"))
    ports = (str(rule.destination.ports),) if rule.destination.ports else ()
    action = _WRITTEN.get(rule.action, rule.action.value)
    return DescribedAction(rule.direction.field, action, ends, ports, together=True)


def _of_tiered(peer: TierPeer, word: str) -> Iterator[DescribedEnd]:
    if peer.pods is not None:
        place, pods = spell_any(peer.pods.namespaces), spell_any(peer.pods.pods or {})
        yield DescribedEnd(word, EndSort.PODS, pods, place)
    if peer.nodes is not None:
        yield DescribedEnd(word, EndSort.NODES, spell_any(peer.nodes))
    for block in peer.networks:
        yield DescribedEnd(word, EndSort.ADDRESSES, str(block))
    for name in peer.domains:
        yield DescribedEnd(word, EndSort.NAMES, name)


def _of_calico(end: CalicoEnd, word: str) -> Iterator[DescribedEnd]:
    if end.selector is not None:
        yield DescribedEnd(word, EndSort.SELECTOR, str(end.selector))
    if end.but_not is not None:
        yield DescribedEnd(word, EndSort.NOT_SELECTOR, str(end.but_not))
    if end.networks:
        yield DescribedEnd(word, EndSort.ADDRESSES, _spell(end.networks))
    if end.not_networks:
        yield DescribedEnd(word, EndSort.NOT_ADDRESSES, _spell(end.not_networks))
    if end.service:
        yield DescribedEnd(word, EndSort.SERVICE, "/".join(end.service))


def _spell(networks: Sequence[Network]) -> str:
    return ", ".join(map(str, networks))


def _of_cilium(rule: CiliumRule) -> DescribedAction:
    action = RuleAction.DENY.value if rule.denies else _WRITTEN[RuleAction.ACCEPT]
    word = rule.direction.peers_field
    ends = tuple(_of_cilium_peer(peer, word) for peer in rule.peers or ())
    if rule.peers == ():
        ends = (DescribedEnd(word, EndSort.NOBODY, ""),)
    return DescribedAction(rule.direction.field, action, ends, tuple(map(str, rule.ports or ())))


def _of_cilium_peer(peer: CiliumPeer, word: str) -> DescribedEnd:
    if peer.endpoints is not None:
        return DescribedEnd(word, EndSort.SELECTOR, spell_sourced(peer.endpoints))
    if peer.nodes is not None:
        return DescribedEnd(word, EndSort.NODES, spell_sourced(peer.nodes))
    if peer.entity:
        return DescribedEnd(word, EndSort.ENTITY, peer.entity)
    if peer.block is not None:
        return DescribedEnd(word, EndSort.ADDRESSES, str(peer.block))
    if peer.group is not None:
        named = peer.group.name or spell_sourced(peer.group.selector or {})
        return DescribedEnd(word, EndSort.GROUP, named)
    if peer.service is not None:
        named = peer.service.name or spell_sourced(peer.service.selector or {})
        return DescribedEnd(word, EndSort.SERVICE, f"{peer.service.namespace or '*'}/{named}")
    return DescribedEnd(word, EndSort.NAMES, ", ".join(peer.named))
