"""Small mistakes that somebody could make in a policy, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.mutation.mutant import Mutant
from npol.policy.objects.netpol_types import Direction, IpBlock, Origin, PeerClause, Policy, Rule


def mutants(policy: Policy) -> Iterator[Mutant]:
    """The policy removed; each direction freed; each rule removed, widened and narrowed."""
    yield Mutant(policy=policy, becomes=None, what="policy removed", origin=policy.origin)
    if len(policy.directions) > 1:
        yield from _freed(policy)
    if policy.selector:
        wider = replace(policy, selector={})
        what = "podSelector widened to all pods"
        yield Mutant(policy=policy, becomes=wider, what=what, origin=policy.origin)
    for rule in policy.all_rules:
        for changed, what, origin in _changed_rule(rule):
            becomes = _with(policy, rule, changed)
            yield Mutant(policy=policy, becomes=becomes, what=what, origin=origin)


def _freed(policy: Policy) -> Iterator[Mutant]:
    for direction in Direction:
        if direction in policy.directions:
            fewer = replace(policy, directions=policy.directions - {direction})
            what = f"{direction.value} taken out of policyTypes"
            yield Mutant(policy=policy, becomes=fewer, what=what, origin=policy.origin)


def _with(policy: Policy, rule: Rule, changed: Rule | None) -> Policy:
    """The policy with a rule replaced, or without it."""
    kept = [changed if r is rule else r for r in policy.rules(rule.direction)]
    rules = tuple(r for r in kept if r is not None)
    if rule.direction is Direction.INGRESS:
        return replace(policy, ingress=rules)
    return replace(policy, egress=rules)


def _changed_rule(rule: Rule) -> Iterator[tuple[Rule | None, str, Origin]]:
    yield None, "rule removed", rule.origin
    if rule.peers:
        yield replace(rule, peers=()), f"{rule.direction.peers_field} dropped", rule.origin
    if rule.ports:
        yield replace(rule, ports=()), "ports dropped", rule.origin
    if len(rule.ports) > 1:
        for port in rule.ports:
            ports = tuple(p for p in rule.ports if p is not port)
            yield replace(rule, ports=ports), f"port {port} removed", port.origin
    for peer in rule.peers:
        yield from _changed_peer(rule, peer)


def _changed_peer(rule: Rule, peer: PeerClause) -> Iterator[tuple[Rule, str, Origin]]:
    if len(rule.peers) > 1:
        peers = tuple(p for p in rule.peers if p is not peer)
        yield replace(rule, peers=peers), "peer removed", peer.origin
    for other, what in _wider_peers(peer):
        peers = tuple(other if p is peer else p for p in rule.peers)
        yield replace(rule, peers=peers), what, peer.origin


def _wider_peers(peer: PeerClause) -> Iterator[tuple[PeerClause, str]]:
    if peer.pod_selector:
        yield replace(peer, pod_selector={}), "podSelector of a peer widened to all pods"
    if peer.namespace_selector or (
        peer.namespace_selector is None and peer.pod_selector is not None
    ):
        everywhere = replace(peer, namespace_selector={})
        yield everywhere, "namespaceSelector of a peer widened to all namespaces"
    if peer.ip_block and peer.ip_block.excepts:
        block = IpBlock(peer.ip_block.cidr)
        yield replace(peer, ip_block=block), "except dropped"
