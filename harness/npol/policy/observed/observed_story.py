"""A first story out of traffic that was seen: what passed is expected to, and what did not, not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from npol.model.observed import EndKind, ObservedEnd, ObservedFlow
from npol.model.story import Protocol
from npol.policy.explain.fixes import lasting
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import Pod, Traffic
from npol.policy.observed.cuts import foresee
from npol.policy.observed.observed_world import ObservedWorld, observed_world, why_not_asked
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import PORT as DNS_PORT
from npol.policy.suggest.peer_names import Cast
from npol.policy.suggest.suggest import SuggestedFlow, Suggestion
from npol.policy.suggest.who_asks import debug_pod

EPHEMERAL = 32768
"""Ports that clients get, and servers that choose none: another run would find another one."""

_Door = tuple[ObservedEnd, int, Protocol | None]


def suggest_observed(
    state: ClusterState,
    flows: Iterable[ObservedFlow],
    dialect: Dialect,
    *,
    closed: Callable[[str], bool],
) -> Suggestion:
    """
    The flows that a debug pod in the likeness of their source can ask again.

    `closed`: whether nothing may be made in a namespace. What is left out is in `unknown`, with
    the reason; `doubts` are flows that the state's own policies would not let be what was seen.
    """
    flows = tuple(flows)
    world = observed_world(state, flows)
    answering = frozenset(_door(flow) for flow in flows if flow.arrived)
    draft = _ObservedDraft(world=world, cast=Cast(world.state), closed=closed, answering=answering)
    for flow in flows:
        draft.add(flow)
    found = [f for f in flows if draft.kept(f)] if state.policies else []
    doubts = [d for f in found if (d := _doubt(world, f, dialect))]
    return Suggestion(
        peers=draft.cast.peers,
        flows=tuple(draft.flows.values()),
        doubts=tuple(doubts),
        unknown=tuple(draft.left_out),
    )


@dataclass(slots=True, kw_only=True)
class _ObservedDraft:
    world: ObservedWorld
    cast: Cast
    closed: Callable[[str], bool]
    answering: frozenset[_Door]
    """Where something was seen to arrive."""
    flows: dict[tuple[str, str, int, Protocol], SuggestedFlow] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def kept(self, flow: ObservedFlow) -> bool:
        return not self._why_left_out(flow)

    def add(self, flow: ObservedFlow) -> None:
        if why := self._why_left_out(flow):
            self.left_out.append(f"{flow}: {why}")
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

    def _why_left_out(self, flow: ObservedFlow) -> str:
        traffic = self.world.traffic(flow)
        if traffic is None:
            return str(why_not_asked(flow))
        return _unaskable(flow) or self._of_ends(flow) or self._of_outcome(flow)

    def _of_ends(self, flow: ObservedFlow) -> str:
        if flow.source.kind is not EndKind.POD:
            return "nothing can ask from there"
        if self.closed(flow.source.namespace):
            return f"npol starts no pods in {flow.source.namespace}"
        if flow.target.kind is not EndKind.POD and not flow.target.address:
            return "its address was not kept"
        return ""

    def _of_outcome(self, flow: ObservedFlow) -> str:
        if flow.dropped and flow.arrived:
            return "some of it was dropped and some not: policies changed meanwhile"
        if flow.dropped and _door(flow) not in self.answering:
            return "it was dropped, and nobody was seen to get an answer there"
        if not flow.dropped and not flow.arrived:
            return "it was not seen to arrive"
        return ""


def _door(flow: ObservedFlow) -> _Door:
    return flow.target, flow.port, flow.protocol


def _unaskable(flow: ObservedFlow) -> str:
    if flow.port >= EPHEMERAL:
        return "an ephemeral port"
    if flow.protocol is Protocol.SCTP:
        return "debug pods have no tool for SCTP"
    if flow.protocol is Protocol.UDP and flow.port != DNS_PORT:
        return "what it answers to over UDP is not known"
    return ""


def _doubt(world: ObservedWorld, flow: ObservedFlow, dialect: Dialect) -> str:
    """Where the policies at hand mean something else than what was seen."""
    foreseen = foresee(world, flow, dialect)
    names = ", ".join(map(str, foreseen.decided_by)) or "no policy"
    if foreseen.cut:
        return f"{flow} was seen to pass, and {names} would cut it"
    if foreseen.opened:
        return f"{flow} was seen to be dropped, and {names} would let it pass"
    return f"{flow}: {foreseen.why_unknown}" if foreseen.allowed is None else ""
