"""
Whether one rule of a tiered policy fits a path.

Pods on the host's network are neither subjects nor peers that selectors mean; `networks` means
addresses inside the cluster, too (clusternetworkpolicy_types.go, "Networks").
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from npol.model.doubt import DoubtCode
from npol.model.mismatch import Mismatch, MismatchCode
from npol.policy.evaluate.match import (
    YES,
    Fit,
    Path,
    PeerAndPortFit,
    both,
    distance,
    doubtful,
    fit_address,
    fit_named_port,
    labels_mismatch,
    namespace_mismatch,
    unlike,
)
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, Node, Pod
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.objects.tier_types import (
    RuleAction,
    Subject,
    TierPeer,
    TierPolicy,
    TierPort,
    TierRule,
)
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRuleFit(PeerAndPortFit):
    """How one rule fits a path."""

    policy: TierPolicy
    rule: TierRule

    @property
    def origin(self) -> Origin:
        return self.rule.origin

    @property
    def action(self) -> RuleAction:
        return self.rule.action


def selects(world: ClusterState, subject: Subject, pod: Pod) -> bool:
    """Whether a policy acts on a pod."""
    return not pod.host_network and not _unlike(world, subject, pod)


def tier_policies_for(world: ClusterState, pod: Pod) -> tuple[TierPolicy, ...]:
    """The policies in tiers that act on a pod."""
    return tuple(p for p in world.tier_policies if selects(world, p.subject, pod))


def fit_tier_rule(
    world: ClusterState, policy: TierPolicy, rule: TierRule, path: Path, dialect: Dialect
) -> TierRuleFit:
    other = path.target if rule.direction is Direction.EGRESS else path.client
    peers = [_fit_peer(world, peer, rule.origin, other, path, dialect) for peer in rule.peers]
    peer_fit = min(peers, key=distance)
    ports = [_fit_port(port, path, dialect) for port in rule.ports]
    port_fit = min(ports, key=distance) if ports else YES
    return TierRuleFit(
        policy=policy,
        rule=rule,
        holds=both([peer_fit.holds, port_fit.holds]),
        peer_fit=peer_fit,
        port_fit=port_fit,
    )


def _fit_peer(
    world: ClusterState, peer: TierPeer, origin: Origin, other: End, path: Path, dialect: Dialect
) -> Fit:
    if peer.pods is not None:
        return _fit_pods(world, peer.pods, other)
    if peer.nodes is not None:
        return _fit_nodes(world, peer.nodes, other)
    if peer.domains:
        return doubtful(DoubtCode.DOMAINS, origin.of_policy, *peer.domains)
    read = _reading_networks(dialect)
    blocks = (fit_address(block, other, path.family, read) for block in peer.networks)
    return min(blocks, key=distance)


@functools.cache
def _reading_networks(dialect: Dialect) -> Dialect:
    meant = dialect.networks_select_cluster
    return replace(
        dialect,
        ip_block_selects_pods=meant,
        ip_block_selects_nodes=meant,
        ip_block_selects_control_plane=meant,
    )


def _fit_pods(world: ClusterState, subject: Subject, other: End) -> Fit:
    if not isinstance(other, Pod):
        return unlike(MismatchCode.NO_POD, subject=str(other))
    if other.host_network:
        return unlike(MismatchCode.HOST_NETWORK, subject=str(other))
    found = _unlike(world, subject, other)
    return Fit(not found, found)


def _unlike(world: ClusterState, subject: Subject, pod: Pod) -> tuple[Mismatch, ...]:
    """What of a pod a selection does not fit; (): it selects the pod."""
    found = namespace_mismatch(subject.namespaces, world.namespace(pod.namespace))
    if subject.pods is None:
        return found
    return found + labels_mismatch(MismatchCode.POD_LABELS, subject.pods, str(pod), pod.labels)


def _fit_nodes(world: ClusterState, selector: Selector, other: End) -> Fit:
    """A node, or a pod that stands for one: what counts is the address."""
    node = other if isinstance(other, Node) else None
    if isinstance(other, Pod) and other.host_network:
        node = next((n for n in world.nodes if n.name == other.node), None)
        if node is None:
            return doubtful(DoubtCode.NODE_OF_POD, str(other))
    if node is None:
        return unlike(MismatchCode.NO_NODE, subject=str(other))
    found = labels_mismatch(MismatchCode.NODE_LABELS, selector, str(node), node.labels)
    return Fit(not found, found)


def _fit_port(port: TierPort, path: Path, dialect: Dialect) -> Fit:
    if port.name:
        return fit_named_port(port.name, path, dialect)
    if port.protocol is not path.protocol:
        wanted, has = str(port), path.protocol.name
        return unlike(MismatchCode.OTHER_PROTOCOL, wanted=wanted, has=has)
    if port.first is None or port.first <= path.port <= (port.last or port.first):
        return YES
    return unlike(MismatchCode.OTHER_TIER_PORT, wanted=str(port), number=path.port)
