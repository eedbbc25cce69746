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
from npol.policy.objects.entities import NAME_LABEL, End, Node, Pod
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy
from npol.policy.observed.asked_of_ends import AskedOfEnds, PolicyOfAnyEnd
from npol.policy.observed.observed_world import ObservedWorld
from npol.selectors import Selector, keys_of, matches


def hangs_on(world: ObservedWorld, decision: Decision) -> Doubt | None:
    """What is not known and decides; None where the records tell enough."""
    for path in decision.paths:
        for why in (*_of_ends(world, path.path), *_of_sides(world, path)):
            return why
    return None


def _of_sides(world: ObservedWorld, path: PathDecision) -> Iterator[Doubt]:
    yield from filter(None, (_of_side(world, path, side) for side in path.sides))


def _of_side(world: ObservedWorld, path: PathDecision, side: DirectionDecision) -> Doubt | None:
    rules = _tried(side)
    if side.not_applicable or not rules:
        return None
    other = path.path.client if side.direction is Direction.INGRESS else path.path.target
    sure = [f for f in rules if f.holds and not any(_of_labels(world, f, other))]
    if sure:
        return None
    doubts = (doubt for fit in rules for doubt in _open_ends(world, path, fit, other))
    return next(doubts, None)


def _tried(side: DirectionDecision) -> list[RuleFit]:
    """Rules of NetworkPolicies: in Calico's tiers those before the rule that decides."""
    fits = [fit for walk in side.tiers for fit in walk.fits if isinstance(fit, RuleFit)]
    if not fits and side.isolating and not side.tier_rule:
        return [fit for fit in side.rules if isinstance(fit, RuleFit)]
    return fits


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
    if fit.port_fit.holds or not _is_unseen(world, target):
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


def _of_ends(world: ObservedWorld, path: Path) -> Iterator[Doubt]:
    """Which rule of policies in an order, or of Cilium's, decides may hang on any of them."""
    ends = (path.source, path.target)
    places = {end.namespace for end in ends if isinstance(end, Pod)}
    for asked in world.asked:
        if asked.is_about(places):
            for end in ends:
                yield from _of_end(world, asked, end)
            if asked.names_of_ports and _is_unseen(world, path.target):
                names = (str(asked.policy),)
                yield Doubt(DoubtCode.RECORDED_PORT_NAMES, str(path.target), names)


def _of_end(world: ObservedWorld, asked: AskedOfEnds, end: End) -> Iterator[Doubt]:
    if isinstance(end, Node) and asked.labels_of_nodes and not world.knows_node(end):
        yield _labels(str(end), asked.policy)
    known = not isinstance(end, Pod) or world.knows_labels(end.namespace)
    if isinstance(end, Pod) and asked.labels_of_namespaces and not known:
        yield _labels(f"namespace {end.namespace}", asked.policy)
    if asked.accounts and _is_unseen(world, end):
        yield Doubt(DoubtCode.RECORDED_ACCOUNT, str(end), (str(asked.policy),))


def _is_unseen(world: ObservedWorld, end: End) -> bool:
    """Whether it is a pod of which only the records tell."""
    return isinstance(end, Pod) and not world.knows_template(end)


def _labels(of: str, policy: Policy | PolicyOfAnyEnd) -> Doubt:
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
