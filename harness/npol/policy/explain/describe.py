"""What a policy says, and which pods and peers that are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from npol.model.described_policy import (
    DescribedDirection,
    DescribedPeer,
    DescribedRule,
    DescribedSubject,
    PolicyLine,
    SelectedPods,
    UnstatedDirection,
)
from npol.policy.objects.dialects import ENGINES, SPEC, Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import namespaces_of, selected_pods
from npol.selectors import Selector, spell


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A policy line by line, and what it selects."""

    policy: str
    lines: tuple[PolicyLine, ...]
    selects: tuple[str, ...]
    """The pods that it selects now, `namespace/name`."""
    directions: tuple[str, ...]
    """The effective policyTypes."""
    own_node_passes: bool
    """Whether it is about ingress, which a pod's own node has all the same."""


def explain_policy(
    world: ClusterState, policy: Policy, dialect: Dialect = SPEC, *, counted: bool = True
) -> Described:
    """
    What a policy says, and what that means in this world.

    `counted`: how many pods it selects now; without, a page stays true when a workload scales.
    """
    chosen = world.select(policy.namespace, policy.selector)
    return Described(
        policy=str(policy),
        lines=tuple(_lines(world, policy, dialect, chosen, counted)),
        selects=tuple(map(str, chosen)),
        directions=tuple(d.value for d in Direction if d in dialect.read(policy).directions),
        own_node_passes=Direction.INGRESS in policy.directions,
    )


def _lines(
    world: ClusterState, policy: Policy, dialect: Dialect, chosen: Sequence[Pod], counted: bool
) -> Iterator[PolicyLine]:
    pods = _selected(chosen, counted)
    what = DescribedSubject(str(policy), spell_any(policy.selector), policy.namespace, pods)
    yield PolicyLine(what, policy.origin.at)
    for direction in Direction:
        yield from _direction(world, dialect.read(policy), direction, counted)
        if direction not in policy.directions and (rules := policy.written(direction)):
            yield PolicyLine(_unstated(direction, dialect), rules[0].origin.at)


def _unstated(direction: Direction, dialect: Dialect) -> UnstatedDirection:
    others = tuple(e.name for e in ENGINES if e.rules_outrank_types)
    engine = dialect.name if dialect.rules_outrank_types else ""
    return UnstatedDirection(direction.value, engine, others)


def _direction(
    world: ClusterState, policy: Policy, direction: Direction, counted: bool
) -> Iterator[PolicyLine]:
    isolates, rules = direction in policy.directions, policy.rules(direction)
    what = DescribedDirection(direction.field, len(rules) if isolates else None)
    yield PolicyLine(what, policy.origin.at)
    for rule in rules:
        yield PolicyLine(_rule(world, policy, rule, counted), rule.origin.at)


def _rule(world: ClusterState, policy: Policy, rule: Rule, counted: bool) -> DescribedRule:
    return DescribedRule(
        word=rule.direction.peers_field,
        peers=tuple(_peer(world, policy, peer, counted) for peer in rule.peers),
        ports=tuple(map(str, rule.ports)),
    )


def _peer(
    world: ClusterState, policy: Policy, peer: PeerClause, counted: bool
) -> DescribedPeer | str:
    if peer.ip_block is not None:
        return str(peer.ip_block)
    place = peer.namespace_selector
    return DescribedPeer(
        selector=spell_any(peer.pod_selector or {}),
        namespace_selector=None if place is None else spell_any(place),
        namespaces=tuple(n.name for n in namespaces_of(world, peer, policy.namespace)),
        pods=_selected(list(selected_pods(world, policy.namespace, peer)), counted),
    )


def spell_any(selector: Selector) -> str:
    return spell(selector) if selector else ""


def _selected(pods: Sequence[Pod], counted: bool) -> SelectedPods:
    return SelectedPods(tuple(workloads(pods)), len(pods) if counted else None)


def workloads(pods: Iterable[Pod]) -> list[str]:
    """What made these pods, each once: `deployment/backend`, `pod/stranger`."""
    return list(dict.fromkeys(p.workload or f"pod/{p.name}" for p in pods))
