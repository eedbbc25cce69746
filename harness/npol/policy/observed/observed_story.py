"""A first story out of traffic that was seen: what passed is expected to, and what did not, not."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from npol.model.doubt import Doubt
from npol.model.observed import EndKind, ObservedEnd, ObservedFlow
from npol.model.peer_selection import lasting
from npol.model.story import Protocol
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod, Traffic
from npol.policy.observed.cuts import ForeseenFlow, foresee
from npol.policy.observed.observed_world import ObservedWorld, observed_world, why_not_asked
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import PORT as DNS_PORT
from npol.policy.suggest.peer_names import Cast
from npol.policy.suggest.suggest import SuggestedFlow, Suggestion
from npol.policy.suggest.who_asks import debug_pod

EPHEMERAL = 32768
"""Ports that clients get, and servers that choose none: another run would find another one."""

_Door = tuple[ObservedEnd, int, Protocol | None]


class UnaskableCode(enum.Enum):
    """Why a flow that was seen is not asked again."""

    NOT_FROM_A_POD = "not from a pod"
    PROTECTED_NAMESPACE = "protected namespace"
    ADDRESS_NOT_KEPT = "address not kept"
    PARTLY_DROPPED = "partly dropped"
    NOBODY_ANSWERED = "nobody answered"
    NOT_ARRIVED = "not arrived"
    EPHEMERAL_PORT = "ephemeral port"
    SCTP = "sctp"
    UNKNOWN_UDP = "unknown udp"


@dataclass(frozen=True, slots=True)
class UnaskedFlow:
    """A flow that was seen, and why it is left out."""

    flow: ObservedFlow
    why: UnaskableCode | Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSuggestion:
    """A story, what of the traffic it leaves out, and what policies would make otherwise."""

    suggestion: Suggestion
    left_out: tuple[UnaskedFlow, ...]
    doubts: tuple[ForeseenFlow, ...]


def suggest_observed(
    state: ClusterState,
    flows: Iterable[ObservedFlow],
    dialect: Dialect,
    *,
    closed: Callable[[str], bool],
) -> ObservedSuggestion:
    """
    The flows that a debug pod in the likeness of their source can ask again.

    `closed`: whether nothing may be made in a namespace.
    """
    flows = tuple(flows)
    world = observed_world(state, flows)
    answering = frozenset(_door(flow) for flow in flows if flow.arrived)
    draft = _ObservedDraft(world=world, cast=Cast(world.state), closed=closed, answering=answering)
    for flow in flows:
        draft.add(flow)
    found = [f for f in flows if draft.kept(f)] if state.every_policy else []
    foreseen = (foresee(world, flow, dialect) for flow in found)
    return ObservedSuggestion(
        suggestion=Suggestion(peers=draft.cast.peers, flows=tuple(draft.flows.values())),
        left_out=tuple(draft.left_out),
        doubts=tuple(f for f in foreseen if f.cut or f.opened or f.allowed is None),
    )


@dataclass(slots=True, kw_only=True)
class _ObservedDraft:
    world: ObservedWorld
    cast: Cast
    closed: Callable[[str], bool]
    answering: frozenset[_Door]
    """Where something was seen to arrive."""
    flows: dict[tuple[str, str, int, Protocol], SuggestedFlow] = field(default_factory=dict)
    left_out: list[UnaskedFlow] = field(default_factory=list)

    def kept(self, flow: ObservedFlow) -> bool:
        return not self._why_left_out(flow)

    def add(self, flow: ObservedFlow) -> None:
        if why := self._why_left_out(flow):
            self.left_out.append(UnaskedFlow(flow, why))
            return
        traffic = self.world.traffic(flow)
        assert traffic
        assert isinstance(traffic.source, Pod)
        asking = debug_pod(traffic.source.namespace, lasting(traffic.source.labels))
        found = SuggestedFlow(
            source=self.cast.source(asking),
            target=self._target(traffic, flow),
            port=flow.port,
            protocol=traffic.protocol,
            expect="deny" if flow.dropped else "allow",
            before="allow",
            because="",
        )
        self.flows.setdefault((found.source, found.target, found.port, found.protocol), found)

    def _target(self, traffic: Traffic, flow: ObservedFlow) -> str:
        end = traffic.target
        if isinstance(end, Pod):
            return self.cast.target(end, traffic) if end.labels else self.cast.source(end)
        return self.cast.address(flow.target.address)

    def _why_left_out(self, flow: ObservedFlow) -> UnaskableCode | Doubt | None:
        traffic = self.world.traffic(flow)
        if traffic is None:
            return why_not_asked(flow)
        return _unaskable(flow) or self._of_ends(flow) or self._of_outcome(flow)

    def _of_ends(self, flow: ObservedFlow) -> UnaskableCode | None:
        if flow.source.kind is not EndKind.POD:
            return UnaskableCode.NOT_FROM_A_POD
        if self.closed(flow.source.namespace):
            return UnaskableCode.PROTECTED_NAMESPACE
        if flow.target.kind is not EndKind.POD and not flow.target.address:
            return UnaskableCode.ADDRESS_NOT_KEPT
        return None

    def _of_outcome(self, flow: ObservedFlow) -> UnaskableCode | None:
        if flow.dropped and flow.arrived:
            return UnaskableCode.PARTLY_DROPPED
        if flow.dropped and _door(flow) not in self.answering:
            return UnaskableCode.NOBODY_ANSWERED
        if not flow.dropped and not flow.arrived:
            return UnaskableCode.NOT_ARRIVED
        return None


def _door(flow: ObservedFlow) -> _Door:
    return flow.target, flow.port, flow.protocol


def _unaskable(flow: ObservedFlow) -> UnaskableCode | None:
    if flow.port >= EPHEMERAL:
        return UnaskableCode.EPHEMERAL_PORT
    if flow.protocol is Protocol.SCTP:
        return UnaskableCode.SCTP
    if flow.protocol is Protocol.UDP and flow.port != DNS_PORT:
        return UnaskableCode.UNKNOWN_UDP
    return None
