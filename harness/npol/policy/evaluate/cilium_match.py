"""
Whether one rule of Cilium's own policies fits a path, by the identities of its ends.

Of an end that may be one of several things, each is looked at: where they differ, nobody can tell.
Source: cilium/cilium v1.20.2 pkg/policy/types/selector.go, pkg/policy/l4.go, pkg/policy/k8s/
service.go and pkg/policy/utils/parserules.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from npol.model.doubt import DoubtCode
from npol.model.mismatch import MismatchCode
from npol.policy.evaluate.cilium_identity import identities, is_of_entity, knows_api_server
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
    unlike,
)
from npol.policy.objects.cilium_labels import NAMESPACE, names_cluster, without_source
from npol.policy.objects.cilium_types import (
    CidrGroupRef,
    CiliumPeer,
    CiliumPolicy,
    CiliumPort,
    CiliumRule,
    ServiceRef,
)
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Node, Pod, Service
from npol.policy.objects.netpol_types import Address, Direction, IpBlock, Network, Origin
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels, Selector, keys_of, matches, spell


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


@dataclass(frozen=True, slots=True)
class PeerReader:
    """The other end of a path, as the node of the pod sees it at which it is judged."""

    world: ClusterState
    subject: Pod
    other: End
    path: Path
    dialect: Dialect

    def fit(self, peer: CiliumPeer, rule: CiliumRule) -> Fit:
        if peer.endpoints is not None:
            return self._selected(peer.endpoints)
        if peer.entity:
            return self._is(peer.entity)
        if peer.block is not None:
            return self._within(peer.block)
        if peer.group is not None:
            return self._in_group(peer.group)
        if peer.service is not None:
            return self._behind(peer.service, rule)
        if peer.nodes is not None:
            return self._node()
        return self._named(peer.named)

    def _selected(self, selector: Selector) -> Fit:
        seen = identities(self.world, self.other, self.subject)
        fit = _same([matches(selector, labels) for labels in seen])
        if (fit and names_cluster(keys_of(selector))) or fit is None:
            return doubtful(DoubtCode.IDENTITY, str(self.other), spell_sourced(selector))
        return YES if fit else self._unlike(selector, seen[0])

    def _unlike(self, selector: Selector, labels: Labels) -> Fit:
        if names_cluster(keys_of(selector)):
            return doubtful(DoubtCode.IDENTITY, str(self.other), spell_sourced(selector))
        asked = {without_source(key) for key in keys_of(selector)}
        has = [f"{k}={v}" for k in sorted(asked) if (v := labels.get(f"any:{k}")) is not None]
        return unlike(
            MismatchCode.POD_LABELS,
            subject=str(self.other),
            wanted=spell_sourced(selector),
            has=",".join(has),
        )

    def _is(self, entity: str) -> Fit:
        seen = identities(self.world, self.other, self.subject)
        fit = _same([is_of_entity(entity, labels) for labels in seen])
        outside = isinstance(self.other, ExternalEndpoint)
        if entity == "kube-apiserver" and outside and not knows_api_server(self.world):
            fit = None
        if fit is None:
            return doubtful(DoubtCode.IDENTITY, str(self.other), f"entity {entity}")
        return YES if fit else unlike(MismatchCode.ENTITY, subject=str(self.other), wanted=entity)

    def _within(self, block: IpBlock) -> Fit:
        return fit_address(block, self.other, self.path.family, self.dialect)

    def _in_group(self, ref: CidrGroupRef) -> Fit:
        blocks = [*_blocks(self.world, ref)]
        if not blocks:
            wanted = ref.name or spell_sourced(ref.selector or {})
            return unlike(MismatchCode.EMPTY_GROUP, wanted=wanted)
        return min(map(self._within, blocks), key=distance)

    def _behind(self, ref: ServiceRef, rule: CiliumRule) -> Fit:
        """A rule that denies looks no Service up: it is about its ports, for everybody, or none."""
        wanted = f"Service {ref.namespace or '*'}/{ref.name or spell_sourced(ref.selector or {})}"
        if rule.denies:
            return YES if rule.ports else unlike(MismatchCode.NO_SERVICE, wanted=wanted)
        found = [*_services(self.world, ref)]
        if not found:
            return doubtful(DoubtCode.SERVICE_NOT_SEEN, wanted)
        return min((self._of_service(service, wanted) for service in found), key=distance)

    def _of_service(self, service: Service, wanted: str) -> Fit:
        if service.selector is not None:
            place = {f"k8s:{NAMESPACE}": service.namespace}
            own = {f"k8s:{key}": value for key, value in service.selector.items()}
            return self._selected({"matchLabels": {**own, **place}})
        listed = self.world.endpoints_of(service.namespace, service.name)
        blocks = (IpBlock(_alone(endpoint.address)) for endpoint in listed)
        fits = [self._within(block) for block in blocks]
        return min(fits, key=distance, default=unlike(MismatchCode.NO_SERVICE, wanted=wanted))

    def _node(self) -> Fit:
        if isinstance(self.other, Pod) and not self.other.host_network:
            return unlike(MismatchCode.NO_NODE, subject=str(self.other))
        if not isinstance(self.other, Pod | Node):
            return unlike(MismatchCode.NO_NODE, subject=str(self.other))
        return doubtful(DoubtCode.IDENTITY, str(self.other))

    def _named(self, names: tuple[str, ...]) -> Fit:
        if isinstance(self.other, Pod | Node):
            wanted = ", ".join(names)
            return unlike(MismatchCode.INSIDE, subject=str(self.other), wanted=wanted)
        return doubtful(DoubtCode.DOMAINS, "", *names)


def _same(values: list[bool]) -> bool | None:
    return values[0] if len(set(values)) == 1 else None


def spell_sourced(selector: Selector) -> str:
    """As it was written: `any:` is what a label without a source means."""
    return spell(
        {
            "matchLabels": {_plain(k): v for k, v in selector.get("matchLabels", {}).items()},
            "matchExpressions": [
                {**e, "key": _plain(e["key"])} for e in selector.get("matchExpressions", ())
            ],
        }
    )


def _plain(key: str) -> str:
    source = key.partition(":")[0]
    return without_source(key) if source in ("any", "k8s") else key


def _blocks(world: ClusterState, ref: CidrGroupRef) -> Iterator[IpBlock]:
    for group in world.cidr_groups.values():
        if group.name == ref.name or (
            ref.selector is not None and matches(ref.selector, group.labels)
        ):
            yield from (IpBlock(network, ref.excepts) for network in group.networks)


def _services(world: ClusterState, ref: ServiceRef) -> Iterator[Service]:
    for service in world.services:
        if ref.namespace not in ("", service.namespace):
            continue
        labels = {f"any:{key}": value for key, value in service.labels.items()}
        by_name = ref.selector is None
        if service.name == ref.name if by_name else matches(ref.selector or {}, labels):
            yield service


def _alone(address: Address) -> Network:
    return ipaddress.ip_network(address)
