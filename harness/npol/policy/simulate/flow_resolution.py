"""A flow of a story as packets: its peers looked up in a world."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.reason import Reason, ReasonCode
from npol.model.story import Flow, FlowKind, Peer, Story
from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.match import both
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import OWN_NODE, End, ExternalEndpoint, Pod, Service, Traffic
from npol.policy.simulate.proxy_chain import hops
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import dns_traffic
from npol.policy.state.families import shared_families
from npol.policy.state.peer_pods import pods_of
from npol.policy.state.service_backends import only_pod, resolve_service

API_SERVER = "@apiserver"
"""The peer of every story that manifests know nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedFlow:
    """A flow of a story as packets: one traffic per source pod and target."""

    flow: Flow
    traffics: tuple[Traffic, ...] = ()
    lookups: tuple[Traffic, ...] = ()
    """The DNS packets before it, for a Service that is asked by its name."""
    hops: tuple[Traffic, ...] = ()
    """What an HTTP request sets off behind a proxy, as far as that can be read."""
    problem: Reason | None = None
    """Why there are none."""

    def answer(self, world: ClusterState, dialect: Dialect = SPEC) -> bool | None:
        """Whether all of it passes; None if that is not known, or if some does and some not."""
        answers = [decide(world, t, dialect).allowed for t in self.traffics]
        if len(set(answers)) > 1 and None not in answers:
            return None
        return both(answers) if answers else None

    def resolves(self, world: ClusterState, dialect: Dialect = SPEC) -> bool | None:
        """Whether its names resolve; True where none is looked up."""
        return both(decide(world, t, dialect).allowed for t in self.lookups)

    @property
    def every_traffic(self) -> tuple[Traffic, ...]:
        """All packets that it sets off."""
        return (*self.lookups, *self.traffics, *self.hops)


def ask(
    world: ClusterState,
    story: Story,
    flow: Flow,
    source_pod: str = "",
    addresses: Sequence[str] = (),
) -> ResolvedFlow:
    """
    A flow of a story in a world; a look-up is its packets to the cluster's DNS.

    Args:
        source_pod: the name of the one pod of its source that is meant; "" for all of them.
        addresses: of a target that has only a name, which the cluster's objects do not resolve.
    """
    source = story.peers[flow.source]
    starts = [s for s in askers(world, source) if source_pod in ("", s.name)]
    if not starts:
        nobody = Reason(code=ReasonCode.NO_SOURCE_HERE, subject=source.name)
        return ResolvedFlow(flow=flow, problem=nobody)
    if flow.kind is FlowKind.DNS:
        return _lookup(world, flow, starts)
    target = story.peers[flow.target]
    ends = _named_outside(world, target, flow, addresses) or list(_targets(world, target, flow))
    if problem := _unresolved(world, target, [end for end, _ in ends]):
        return ResolvedFlow(flow=flow, problem=problem)
    own = only_pod(world, *ends[0], flow.protocol) if len(ends) == 1 else None
    traffics = tuple(
        Traffic(
            source=_placed(start, source, own),
            target=end,
            port=port,
            protocol=flow.protocol,
            family=family,
            at_external_address=_at_external_address(target, end),
        )
        for start in starts
        for end, port in ends
        for family in _families(world, start, end, target, flow)
    )
    return ResolvedFlow(
        flow=flow,
        traffics=traffics,
        lookups=_lookups(world, starts, target, flow),
        hops=hops(world, traffics[0], flow.http.host or target.host, flow.http.path)
        if flow.http
        else (),
    )


def _lookup(world: ClusterState, flow: Flow, starts: Sequence[End]) -> ResolvedFlow:
    """Nothing, where one of those that ask has name servers of its own."""
    found = [dns_traffic(world, start, flow.protocol) for start in starts]
    if None in found:
        elsewhere = Reason(code=ReasonCode.KNOWN_AT_SOURCE, subject=flow.resolve)
        return ResolvedFlow(flow=flow, problem=elsewhere)
    return ResolvedFlow(flow=flow, traffics=tuple(t for t in found if t))


def _families(
    world: ClusterState, start: End, end: End | Service, target: Peer, flow: Flow
) -> Sequence[int]:
    """The IP families that packets go over."""
    if target.address:
        return (ipaddress.ip_address(target.address).version,)
    return shared_families(world, start, end, flow.port, flow.protocol)


def _unresolved(world: ClusterState, target: Peer, ends: Sequence[End | Service]) -> Reason | None:
    """Why nothing is known of a flow's target; None where something is, or where it is outside."""
    if not ends and target.host:
        return Reason(code=ReasonCode.KNOWN_AT_SOURCE, subject=target.host)
    if not ends:
        return Reason(code=ReasonCode.NO_TARGET_HERE, subject=target.name)
    outside = (address for e in ends if isinstance(e, ExternalEndpoint) for address in e.addresses)
    if any(map(world.looks_like_a_service, outside)):
        return Reason(code=ReasonCode.UNKNOWN_CLUSTER_IP, subject=target.address)
    return None


def _lookups(
    world: ClusterState, starts: list[End], target: Peer, flow: Flow
) -> tuple[Traffic, ...]:
    """A Service and a host are asked by name; pods, and sites, are asked by address."""
    named = target.service or (target.host and not target.via_service)
    if not named or flow.every_pod:
        return ()
    found = (dns_traffic(world, s) for s in starts if isinstance(s, Pod))
    return tuple(t for t in found if t)


def askers(world: ClusterState, peer: Peer) -> Iterator[End]:
    """What asks for a peer: a place, its running pods, or a debug pod."""
    if peer.external or peer.address:
        yield _place(peer)
    elif peer.workload or peer.pod:
        yield from pods_of(world, peer)
    else:
        yield debug_pod(peer)


def debug_pod(peer: Peer) -> Pod:
    """The pod that asks for a peer: its labels, never ready, so no Service takes it in."""
    node = "" if peer.node in ("same", "other") else peer.node
    return Pod(
        namespace=peer.namespace,
        name=f"npol-{peer.chosen_by or peer.name}",
        labels=peer.labels,
        node=node,
        host_network=peer.host_network,
        ready=False,
    )


def _placed(source: End, peer: Peer, target: Pod | None) -> End:
    """`node: same` means the target's node, where the target is one pod only."""
    if isinstance(source, Pod) and target and peer.node in ("same", "other"):
        own = target.node or OWN_NODE
        return replace(source, node=own if peer.node == "same" else f"not {own}")
    return source


def _place(peer: Peer) -> ExternalEndpoint:
    addresses = (ipaddress.ip_address(peer.address),) if peer.address else ()
    return ExternalEndpoint(name=peer.external or peer.name, addresses=addresses)


def _targets(world: ClusterState, peer: Peer, flow: Flow) -> Iterator[tuple[End | Service, int]]:
    if peer.service or peer.via_service:
        namespace = peer.via_namespace or peer.namespace
        service = world.service(namespace, peer.via_service or peer.service)
        if service and flow.every_pod:
            yield from _behind(world, service, flow)
        elif service:
            yield service, flow.port
        elif peer.name == API_SERVER:
            yield ExternalEndpoint(name=API_SERVER), flow.port  # no manifest shows it
    elif peer.external or peer.address:
        yield _at_address(world, _place(peer)), flow.port
    elif peer.fresh and not peer.pod:  # where nothing starts
        yield debug_pod(peer), flow.port
    else:
        yield from ((pod, flow.port) for pod in pods_of(world, peer))


def _named_outside(
    world: ClusterState, peer: Peer, flow: Flow, addresses: Sequence[str]
) -> list[tuple[End | Service, int]]:
    places = (
        ExternalEndpoint(name=peer.host or peer.name, addresses=(ipaddress.ip_address(address),))
        for address in addresses
    )
    return [(_at_address(world, place), flow.port) for place in places]


def _at_address(world: ClusterState, place: ExternalEndpoint) -> End | Service:
    """Whatever has a place's address: an address may as well be a pod's, or a ClusterIP."""
    found = (world.owner(a) or world.service_at(a) for a in place.addresses)
    return next((f for f in found if f), place)


def _at_external_address(peer: Peer, end: End | Service) -> bool:
    if not isinstance(end, Service) or not peer.address:
        return False
    return ipaddress.ip_address(peer.address) in end.external_addresses


def _behind(world: ClusterState, service: Service, flow: Flow) -> Iterator[tuple[End, int]]:
    route = resolve_service(world, service, flow.port, flow.protocol)
    yield from {str(b.end): (b.end, b.port) for b in route.backends}.values()
