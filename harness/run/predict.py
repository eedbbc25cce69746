"""What the policies mean for a story's flows, at the moment of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from harness.model.inventory import Inventory
from harness.model.probe import PodRef
from harness.model.result import Cause
from harness.model.story import Flow, FlowKind, Manifest, Peer, Protocol
from harness.policy.causes import causes
from harness.policy.changes import build
from harness.policy.decision import Decision
from harness.policy.dialects import dialect_of
from harness.policy.ends import Place, Pod, Service, Traffic
from harness.policy.evaluate import evaluate
from harness.policy.source import Given
from harness.targets import selected_pods


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """`allow`, `deny` or `unknown: ...`, and what decides it; "" where nothing is predicted."""

    word: str = ""
    causes: tuple[Cause, ...] = ()


class Oracle:
    """Predicts flows in one inventory. Policies that the story applied have positions."""

    def __init__(
        self,
        inventory: Inventory,
        applied: Mapping[tuple[str, str], Manifest],
        peers: Mapping[str, Peer],
        engine: str,
    ) -> None:
        self._inventory = inventory
        self._peers = peers
        self._dialect = dialect_of(engine)
        self._world = build(_given(inventory, applied))

    def predict(self, flow: Flow, source: PodRef | None) -> Prediction:
        """One flow's prediction; a look-up is predicted as its packets to the cluster's DNS."""
        traffic = self._traffic(flow, source)
        if traffic is None:
            return Prediction()
        decision = evaluate(self._world, traffic, self._dialect)
        return Prediction(word=_word(decision), causes=tuple(causes(self._world, decision)))

    def _traffic(self, flow: Flow, source: PodRef | None) -> Traffic | None:
        start = self._pod(source) if source else None
        end = self._target(flow)
        if start is None or end is None:
            return None
        port = flow.port or 53
        protocol = Protocol.UDP if flow.kind is FlowKind.DNS else flow.protocol
        return Traffic(source=start, target=end, port=port, protocol=protocol)

    def _pod(self, pod: PodRef) -> Pod | None:
        return self._world.pod(pod.namespace, pod.name)

    def _target(self, flow: Flow) -> Pod | Service | Place | None:
        if flow.kind is FlowKind.DNS:
            return self._world.service("kube-system", "kube-dns")
        peer = self._peers[flow.target]
        if peer.via_service:
            return self._world.service(peer.via_namespace, peer.via_service)
        if peer.service:
            return self._world.service(peer.namespace, peer.service)
        if peer.address:
            return Place(name=peer.name, addresses=(ip_address(peer.address),))
        if peer.external:
            return None
        pods = selected_pods(peer, self._inventory)
        return next((p for p in map(self._pod, pods) if p), None)


def _given(inventory: Inventory, applied: Mapping[tuple[str, str], Manifest]) -> list[Given]:
    objects: list[Given] = [*inventory.namespaces, *inventory.pods, *inventory.services]
    objects += [*inventory.slices, *inventory.nodes]
    for policy in inventory.policies:
        meta = policy["metadata"]
        objects.append(applied.get((meta["namespace"], meta["name"])) or policy)
    return objects


def _word(decision: Decision) -> str:
    if decision.allowed is None:
        return f"unknown: {decision.why_unknown}"
    return "allow" if decision.allowed else "deny"
