"""What the policies mean for a story's flows, at the moment of a step."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from npol.model.causes import Cause
from npol.model.prediction import Prediction
from npol.model.story import Flow, Peer, Protocol, Story
from npol.policy.objects.entities import Pod
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.forecast import known_fixes, predict
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import PORT, dns_service, with_dns
from npol.policy.state.service_backends import resolve_service


class Predictor:
    """Predicts flows in one state of the cluster."""

    def __init__(self, state: ClusterState, story: Story, engine: str) -> None:
        self._story = story
        self._engine = engine
        self.sees_dns = dns_service(state) is not None
        """Whether the cluster's DNS is known, and not only taken for granted."""
        self._world = with_dns(state)

    def knows(self, address: str) -> bool:
        """Whether it is known which pod or node has an address."""
        return self._world.owner(ipaddress.ip_address(address)) is not None

    def dns_server(self, family: int) -> str:
        """The address of a pod behind the cluster's DNS, at which it answers names; "" for none."""
        service = dns_service(self._world)
        route = resolve_service(self._world, service, PORT, Protocol.UDP) if service else None
        ends = (b.end for b in route.backends if b.port == PORT) if route else ()
        found = (end.address(family) for end in ends if isinstance(end, Pod))
        return next((str(address) for address in found if address), "")

    def predict(
        self,
        flow: Flow,
        source_pod: str = "",
        peers: Sequence[Peer] = (),
        addresses: Sequence[str] = (),
    ) -> Prediction:
        """
        One flow's prediction, and what decides it; from one pod of its source, or from all.

        `peers`: those of its ends that the story does not have; `addresses`: those of a target
        that has only a name, as its source has resolved it.
        """
        story = self._story
        if peers:
            story = replace(story, peers={**story.peers, **{p.name: p for p in peers}})
        asked = ask(self._world, story, flow, source_pod, addresses)
        return predict(asked, self._world, self._engine)

    def fixes(self, flow: Flow) -> tuple[Cause, ...]:
        """The smallest changes of policies that would let a flow through that is denied."""
        asked = ask(self._world, self._story, flow)
        return known_fixes(asked, self._world, self._engine)
