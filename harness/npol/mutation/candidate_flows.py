"""The ends of a difference under the names of a story's peers: who could ask whom there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from npol.model.story import Peer, Protocol, Story
from npol.mutation.known_ports import KnownPorts, Spot
from npol.policy.matrix.diff import Difference
from npol.policy.matrix.diff import End as Group
from npol.policy.matrix.equivalence import PodGroup
from npol.policy.objects.entities import End, ExternalEndpoint, Pod, Service
from npol.policy.simulate.flow_resolution import askers
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.peer_pods import pods_of
from npol.policy.state.service_backends import backends_of, target_port
from npol.policy.suggest.peer_names import Cast
from npol.policy.suggest.who_answers import in_front


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerEnd:
    """An end of a flow under a peer's name; `new`: the peer's entry if the story has none."""

    name: str
    port: int = 0
    every_pod: bool = False
    new: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFlow:
    """One peer that could ask another, and what is known of the port."""

    source: PeerEnd
    target: PeerEnd
    protocol: Protocol
    answers: bool
    refuses: bool
    """Whether the story shows already that nothing listens there."""

    @property
    def peers(self) -> dict[str, Mapping[str, Any]]:
        """The peers that the story does not have."""
        return {e.name: e.new for e in (self.source, self.target) if e.new}


class CandidateFlows:
    """Who could ask whom, in one world of a story; `asking`: the peers that ask in it."""

    def __init__(
        self, world: ClusterState, story: Story, asking: Sequence[Peer], known: KnownPorts
    ) -> None:
        self._world = world
        self._story = story
        self._asking = asking
        self._known = known
        self._starts = {p.name: {str(e) for e in askers(world, p)} for p in asking}
        self._asked = [p for p in story.peers.values() if _can_be_asked(p)]
        self.places = [p.name for p in self._asked if p.external]
        """Peers whose address only the cluster knows."""
        self.homes = {m.namespace or m.name for m in story.given} | {p.namespace for p in asking}
        """The namespaces in which the story may run pods."""

    def of(self, found: Difference) -> Iterator[CandidateFlow]:
        """All meetings at the ports of a difference, and at those that answer besides."""
        ends = self.ends_of(found.target)
        for spot in self._spots(found, ends):
            targets = list(self._targets(found.target, spot))
            for group in found.sources if targets else ():
                for source in self._sources(group):
                    for target in targets:
                        yield CandidateFlow(
                            source=source,
                            target=target,
                            protocol=spot[1],
                            answers=any(self._known.at(e, *spot) for e in ends),
                            refuses=all(self._known.refuses(e, *spot) for e in ends),
                        )

    def ends_of(self, group: Group) -> list[End]:
        """The pods of a group without those that only ask; of a place, all that may be meant."""
        if isinstance(group, PodGroup):
            return [p for p in group.pods if self._world.pod(p.namespace, p.name)]
        return [_place(p) for p in self._asked if p.external or p.address] or [group]

    def _spots(self, found: Difference, ends: Sequence[End]) -> list[Spot]:
        named = [(p.number, p.transport) for p in found.numbers]
        answering = {s for e in ends for s in self._known.spots(e)} - set(named)
        return [*named, *sorted(answering, key=lambda s: (s[0], s[1].value))]

    def _sources(self, group: Group) -> Iterator[PeerEnd]:
        """The story's own peers of a group; else a debug pod in the likeness of its pods."""
        if isinstance(group, ExternalEndpoint):
            yield from (PeerEnd(name=p.name) for p in self._asking if p.external or p.address)
            return
        names = {str(p) for p in group.pods}
        known = [p for p in self._asking if names & self._starts[p.name]]
        yield from (PeerEnd(name=p.name) for p in known)
        if not known and group.first.namespace in self.homes:
            name, entry = self._cast(group.first)
            new = {"namespace": group.first.namespace, "labels": entry["labels"]}
            yield PeerEnd(name=name, new=new)

    def _targets(self, group: Group, spot: Spot) -> Iterator[PeerEnd]:
        """The story's own peers; else the Service in front, else the pods by their labels."""
        if isinstance(group, ExternalEndpoint):
            for peer in self._asked:
                if (peer.external or peer.address) and self._known.at(_place(peer), *spot):
                    yield PeerEnd(name=peer.name, port=spot[0])
            return
        real = [p for p in group.pods if self._world.pod(p.namespace, p.name)]
        names = {str(p) for p in real}
        known = [e for p in self._asked for e in _reached(self._world, p, names, spot)]
        yield from known if known else (self._new_target(p, spot) for p in real[:1])

    def _new_target(self, pod: Pod, spot: Spot) -> PeerEnd:
        if front := in_front(self._world, pod, *spot):
            name, _ = self._cast(pod)
            new = {"namespace": pod.namespace, "service": front[0].name}
            return PeerEnd(name=name, port=front[1], new=new)
        name, entry = self._cast(pod, "-pods")
        new = {"namespace": pod.namespace, "labels": entry["labels"]}
        return PeerEnd(name=name, port=spot[0], new=new)

    def _cast(self, pod: Pod, suffix: str = "") -> tuple[str, Mapping[str, Any]]:
        """A name that the story has not given yet, and the pod as a peer."""
        cast = Cast(self._world)
        name = cast.pod(pod)
        entry = cast.peers[name]
        if name + suffix in self._story.peers:
            name += f"-{pod.namespace}"
        return name + suffix, entry


def _can_be_asked(peer: Peer) -> bool:
    inside = peer.service or peer.workload or peer.pod or peer.labels
    return bool(inside or peer.external or peer.address)


def _place(peer: Peer) -> ExternalEndpoint:
    return ExternalEndpoint(name=peer.external or peer.name)


def _reached(world: ClusterState, peer: Peer, names: set[str], spot: Spot) -> Iterator[PeerEnd]:
    """How a peer of the story reaches a port of some pods: by its Service, or pod by pod."""
    if peer.external or peer.address or peer.host:
        return
    service = world.service(peer.namespace, peer.service) if peer.service else None
    if service:
        for number in _service_ports(world, service, names, spot):
            yield PeerEnd(name=peer.name, port=number)
            yield PeerEnd(name=peer.name, port=number, every_pod=True)
    elif not peer.service and any(str(p) in names for p in pods_of(world, peer)):
        yield PeerEnd(name=peer.name, port=spot[0])


def _service_ports(
    world: ClusterState, service: Service, names: set[str], spot: Spot
) -> Iterator[int]:
    """The ports of a Service that lead to one of some pods at a port of theirs."""
    number, protocol = spot
    pods = [p for p in backends_of(world, service) if str(p) in names]
    for port in service.ports:
        if port.protocol is protocol and any(
            target_port(service, port, pod, port.port) == number for pod in pods
        ):
            yield port.port
