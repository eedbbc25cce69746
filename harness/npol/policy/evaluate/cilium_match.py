"""
Whether one rule of Cilium's own policies fits a path: its peers, its ports, and what it asks for.

Source: cilium/cilium v1.20.2 pkg/policy/l4.go and pkg/policy/utils/parserules.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.doubt import DoubtCode
from npol.model.mismatch import MismatchCode
from npol.policy.evaluate.cilium_peers import PeerReader
from npol.policy.evaluate.match import (
    YES,
    Fit,
    Path,
    PeerAndPortFit,
    both,
    distance,
    doubtful,
    fit_named_port,
    unlike,
)
from npol.policy.objects.cilium_types import CiliumPeer, CiliumPolicy, CiliumPort, CiliumRule
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class CiliumRuleFit(PeerAndPortFit):
    """How one rule fits a path, with its best peer and port (None: the rule restricts none)."""

    policy: CiliumPolicy
    rule: CiliumRule
    peer: CiliumPeer | None = None
    port: CiliumPort | None = None

    @property
    def origin(self) -> Origin:
        return self.rule.origin

    @property
    def denies(self) -> bool:
        return self.rule.denies

    @property
    def redirects(self) -> bool:
        """
        Whether what it may fit goes to a proxy, or waits for a proof: other rules that allow the
        same do not make it pass.
        """
        asks = self.rule.asks or (self.port.asks if self.port else "")
        return bool(asks) and self.holds is not False


def fit_cilium_rule(
    world: ClusterState,
    policy: CiliumPolicy,
    rule: CiliumRule,
    subject: Pod,
    path: Path,
    dialect: Dialect,
) -> CiliumRuleFit:
    other = path.target if rule.direction is Direction.EGRESS else path.client
    reader = PeerReader(world, subject, other, path, dialect)
    peer_fit, peer = _best_peer(reader, rule)
    port_fit, port = _best_port(policy, rule, path, dialect)
    if rule.asks and port_fit.holds:
        port_fit = _beyond(policy, rule.origin, rule.asks)
    if policy.needs:
        peer_fit = _if_taken(policy, peer_fit)
    return CiliumRuleFit(
        policy=policy,
        rule=rule,
        peer=peer,
        port=port,
        holds=both([peer_fit.holds, port_fit.holds]),
        peer_fit=peer_fit,
        port_fit=port_fit,
    )


def _if_taken(policy: CiliumPolicy, fit: Fit) -> Fit:
    """The agent takes the policy only with an option that it has not by default."""
    return doubtful(DoubtCode.AGENT_OPTION, str(policy), policy.needs) if fit.holds else fit


def _beyond(policy: CiliumPolicy, origin: Origin, asks: str) -> Fit:
    return doubtful(DoubtCode.BEYOND_PACKETS, asks, f"{policy} ({origin})")


def _best_peer(reader: PeerReader, rule: CiliumRule) -> tuple[Fit, CiliumPeer | None]:
    if rule.peers is None:
        return YES, None
    if not rule.peers:
        return unlike(MismatchCode.NO_PEERS), None
    fits = [(reader.fit(peer, rule), peer) for peer in rule.peers]
    return min(fits, key=lambda pair: distance(pair[0]))


def _best_port(
    policy: CiliumPolicy, rule: CiliumRule, path: Path, dialect: Dialect
) -> tuple[Fit, CiliumPort | None]:
    if rule.ports is None:
        return YES, None
    if not rule.ports:
        return unlike(MismatchCode.NO_PORTS), None
    fits = [(_fit_port(policy, port, path, dialect), port) for port in rule.ports]
    return min(fits, key=lambda pair: distance(pair[0]))


def _fit_port(policy: CiliumPolicy, port: CiliumPort, path: Path, dialect: Dialect) -> Fit:
    if port.other or port.protocol not in (None, path.protocol):
        wanted = port.other or str(port).partition(" ")[0]
        return unlike(MismatchCode.OTHER_PROTOCOL, wanted=wanted, has=path.protocol.name)
    if isinstance(port.port, str):
        fit = fit_named_port(port.port, path, dialect)
    elif not port.port or port.port <= path.port <= max(port.end_port, port.port):
        fit = YES
    else:
        fit = unlike(MismatchCode.OTHER_TIER_PORT, wanted=str(port), number=path.port)
    return _beyond(policy, port.origin, port.asks) if fit.holds and port.asks else fit
