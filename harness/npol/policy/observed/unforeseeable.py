"""
What records leave open, and a policy hangs on: names of ports, labels of namespaces.

A decision that such a rule could turn is no prediction.
"""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.doubt import Doubt, DoubtCode
from npol.policy.evaluate.decision import Decision, DirectionDecision, PathDecision
from npol.policy.evaluate.match import Path
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.objects.cilium_labels import NAMESPACE_LABELS, without_source
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.entities import NAME_LABEL, End, Node, Pod
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.observed.observed_world import ObservedWorld
from npol.selectors import Selector, keys_of, matches


def hangs_on(world: ObservedWorld, decision: Decision) -> Doubt | None:
    """What is not known and decides; None where the records tell enough."""
    for path in decision.paths:
        tiers, own = _of_tiers(world, path.path), _of_cilium(world, path.path)
        for why in (*tiers, *own, *_of_sides(world, path)):
            return why
    return None


def _of_sides(world: ObservedWorld, path: PathDecision) -> Iterator[Doubt]:
    yield from filter(None, (_of_side(world, path, side) for side in path.sides))


def _of_side(world: ObservedWorld, path: PathDecision, side: DirectionDecision) -> Doubt | None:
    if side.not_applicable or side.tier_rule or not side.isolating:
        return None
    other = path.path.client if side.direction is Direction.INGRESS else path.path.target
    rules = [f for f in side.rules if isinstance(f, RuleFit)]
    sure = [f for f in rules if f.holds and not any(_of_labels(world, f, other))]
    if sure:
        return None
    doubts = (doubt for fit in rules for doubt in _open_ends(world, path, fit, other))
    return next(doubts, None)


def _open_ends(
    world: ObservedWorld, path: PathDecision, fit: RuleFit, other: End
) -> Iterator[Doubt]:
    """What is not known of a rule; nothing where another part of it does not fit anyway."""
    named = list(_of_ports(world, path, fit))
    peers = list(_of_labels(world, fit, other))
    ports_fit, peer_fits = fit.port_fit.holds is not False, fit.peer_fit.holds is not False
    if named and (peer_fits or peers):
        yield from named
    if peers and (ports_fit or named):
        yield from peers


def _of_ports(world: ObservedWorld, path: PathDecision, fit: RuleFit) -> Iterator[Doubt]:
    target, protocol = path.path.target, path.path.protocol
    if fit.port_fit.holds or not isinstance(target, Pod) or world.knows_ports(target):
        return
    for clause in fit.rule.ports:
        if isinstance(clause.port, str) and clause.protocol is protocol:
            names = (clause.port, str(fit.policy))
            yield Doubt(DoubtCode.RECORDED_PORT, str(target), names)


def _of_labels(world: ObservedWorld, fit: RuleFit, other: End) -> Iterator[Doubt]:
    if not isinstance(other, Pod) or world.knows_labels(other.namespace):
        return
    if any(_surely(peer, other, fit) for peer in fit.rule.peers):
        return
    for peer in fit.rule.peers:
        wanted = _beside_name(peer.namespace_selector)
        if wanted and (peer.pod_selector is None or matches(peer.pod_selector, other.labels)):
            yield _labels(f"namespace {other.namespace}", fit.policy)


def _of_tiers(world: ObservedWorld, path: Path) -> Iterator[Doubt]:
    """Which rule comes first in a tier may hang on any of them, so all are looked at."""
    for policy in world.state.tier_policies:
        rules = (*policy.ingress, *policy.egress)
        peers = [peer for rule in rules for peer in rule.peers]
        subjects = [policy.subject, *(peer.pods for peer in peers if peer.pods)]
        by_label = any(_beside_name(s.namespaces) for s in subjects)
        for end in (path.source, path.target):
            if isinstance(end, Pod) and by_label and not world.knows_labels(end.namespace):
                yield _labels(f"namespace {end.namespace}", policy)
            if isinstance(end, Node) and any(p.nodes for p in peers) and not world.knows_node(end):
                yield _labels(str(end), policy)
        named = any(port.name for rule in rules for port in rule.ports)
        if named and isinstance(path.target, Pod) and not world.knows_ports(path.target):
            yield Doubt(DoubtCode.RECORDED_PORT_NAMES, str(path.target), (str(policy),))


def _of_cilium(world: ObservedWorld, path: Path) -> Iterator[Doubt]:
    """Any rule of Cilium's policies may decide, one that denies above all: all are looked at."""
    for policy in world.state.cilium_policies:
        rules = [rule for direction in Direction for rule in policy.rules(direction)]
        selectors = [section.selector for section in policy.sections]
        selectors += [
            peer.endpoints for rule in rules for peer in rule.peers or () if peer.endpoints
        ]
        by_label = any(_beside_place(selector) for selector in selectors)
        for end in (path.source, path.target):
            if isinstance(end, Pod) and by_label and not world.knows_labels(end.namespace):
                yield _labels(f"namespace {end.namespace}", policy)
        named = any(isinstance(p.port, str) for rule in rules for p in rule.ports or ())
        if named and isinstance(path.target, Pod) and not world.knows_ports(path.target):
            yield Doubt(DoubtCode.RECORDED_PORT_NAMES, str(path.target), (str(policy),))


def _beside_place(selector: Selector) -> bool:
    """Whether a selector of Cilium's asks for labels of namespaces beside their name."""
    asked = (without_source(key) for key in keys_of(selector))
    around = [key for key in asked if key.startswith(NAMESPACE_LABELS)]
    return bool(set(around) - {f"{NAMESPACE_LABELS}{NAME_LABEL}"})


def _labels(of: str, policy: Policy | TierPolicy | CiliumPolicy) -> Doubt:
    return Doubt(DoubtCode.RECORDED_LABELS, of, (str(policy),))


def _surely(peer: PeerClause, other: Pod, fit: RuleFit) -> bool:
    """Whether a peer selects the pod whatever else its namespace is labelled."""
    if peer.ip_block or _beside_name(peer.namespace_selector):
        return False
    place = peer.namespace_selector
    here = other.namespace == fit.policy.namespace if place is None else True
    fits = place is None or matches(place, {NAME_LABEL: other.namespace})
    return here and fits and (peer.pod_selector is None or matches(peer.pod_selector, other.labels))


def _beside_name(selector: Selector | None) -> bool:
    """Whether a selector asks for more of a namespace than its name, which every record tells."""
    return bool(set(keys_of(selector or {})) - {NAME_LABEL})
