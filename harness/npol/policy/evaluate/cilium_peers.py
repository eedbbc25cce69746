"""
Whether an end of a path is one that a peer of Cilium's own policies means, by its identity.

Of an end that may be one of several things, each is looked at: where they differ, nobody can tell.
Source: cilium/cilium v1.20.2 pkg/policy/types/selector.go and pkg/policy/k8s/service.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from npol.model.doubt import DoubtCode
from npol.model.mismatch import MismatchCode
from npol.policy.evaluate.cilium_identity import identities, is_of_entity, knows_api_server
from npol.policy.evaluate.match import YES, Fit, Path, distance, doubtful, fit_address, unlike
from npol.policy.objects.cilium_labels import NAMESPACE, names_cluster, without_source
from npol.policy.objects.cilium_types import CidrGroupRef, CiliumPeer, CiliumRule, ServiceRef
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Node, Pod, Service
from npol.policy.objects.netpol_types import Address, IpBlock, Network
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Labels, Selector, keys_of, matches, spell


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
        return self._named(peer)

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

    def _named(self, peer: CiliumPeer) -> Fit:
        if isinstance(self.other, Pod | Node):
            wanted = ", ".join(peer.named)
            return unlike(MismatchCode.INSIDE, subject=str(self.other), wanted=wanted)
        return doubtful(DoubtCode.DOMAINS, peer.origin.of_policy, *peer.named)


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
