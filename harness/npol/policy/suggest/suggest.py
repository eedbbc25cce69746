"""A first story for policies that have none: the flows that they talk about, with predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod, Service, Traffic
from npol.policy.objects.netpol_types import Direction, Policy, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import NAMESPACE, dns_traffic, with_dns
from npol.policy.suggest.meetings import Meeting, Meetings
from npol.policy.suggest.peer_names import Cast
from npol.policy.suggest.who_answers import Answerers
from npol.policy.suggest.who_asks import Askers


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedFlow:
    """One flow by the names of its peers; `before`: what it is without any policy."""

    source: str
    target: str
    port: int
    protocol: Protocol
    expect: str
    before: str
    because: str
    """The policy that talks about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Peers as a story file spells them, and flows. `doubts`: what no flow shows, and why."""

    peers: dict[str, dict[str, Any]]
    flows: tuple[SuggestedFlow, ...]
    doubts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Flows that cannot be foretold, each with the policy that talks about it."""


def suggest(
    world: ClusterState,
    dialect: Dialect = SPEC,
    *,
    closed: Callable[[str], bool] = lambda namespace: namespace == NAMESPACE,
) -> Suggestion:
    """
    For each allow rule the flows that it lets through, for each isolated direction some that
    are stopped: from a stranger beside the pod, from one in another namespace, at another port.

    `closed`: whether nothing may be made in a namespace: nobody asks from there.
    """
    world = with_dns(world).as_read(dialect)
    draft = _StoryDraft(world=world, dialect=dialect, cast=Cast(world))
    meetings = Meetings(world, Askers(world, closed), Answerers(world))
    for policy in world.policies:
        if not meetings.askers.another(policy.namespace):
            draft.doubts.append(
                f"no other namespace than {policy.namespace} is known, so no stranger asks from one"
            )
        for direction in Direction:
            if direction in policy.directions:
                draft.direction(policy, direction, meetings)
    return Suggestion(
        peers=draft.cast.peers,
        flows=tuple(draft.flows.values()),
        doubts=tuple(dict.fromkeys(draft.doubts)),
        unknown=tuple(dict.fromkeys(draft.unknown)),
    )


@dataclass(slots=True, kw_only=True)
class _StoryDraft:
    world: ClusterState
    dialect: Dialect
    cast: Cast
    flows: dict[tuple[str, str, int, Protocol], SuggestedFlow] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def direction(self, policy: Policy, direction: Direction, meetings: Meetings) -> None:
        subjects = meetings.subjects(policy, direction)
        if not subjects:
            self.doubts.append(f"{policy.origin}: {meetings.no_subject(policy, direction)}")
            return
        allowed = [
            m for rule in policy.rules(direction) for m in self._rule(policy, rule, meetings)
        ]
        closed = [self._stopped(policy, direction, pod, allowed, meetings) for pod in subjects]
        if not any(self._is_stopped_by(m, direction) for found in closed for m in found):
            what = f"no flow that its {direction.field} must stop"
            who = "it lets" if policy.rules(direction) else "others let"
            why = f"{who} everything through that is known"
            if any(self._stops(m, direction) for found in closed for m in found):
                why = "what it stops is stopped at the other end, too"
            self.doubts.append(f"{policy.origin}: {what}: {why}")

    def _rule(self, policy: Policy, rule: Rule, meetings: Meetings) -> list[Meeting]:
        """The meetings that a rule lets through; a doubt where none of them hangs on it."""
        reasons: list[str] = []
        met = list(meetings.of_rule(policy, rule, reasons))
        found = [m for m in met if self._answer(m)]
        self._note_unknown(policy, met)
        for meeting in found:
            self._add(policy, meeting)
        without = self.world.with_policies([_without(policy, rule)])
        if not any(self._answer(m, without) is False for m in found):
            why = "; ".join(dict.fromkeys(reasons))
            if found:
                why = "without it nothing would change for the pods at hand: other rules allow it"
            why = why or "no flow of the pods at hand is let through by it"
            self.doubts.append(f"{rule.origin}: no flow shows this rule: {why}")
        return found

    def _stopped(
        self,
        policy: Policy,
        direction: Direction,
        pod: Pod,
        allowed: Iterable[Meeting],
        meetings: Meetings,
    ) -> list[Meeting]:
        """One stopped flow of each sort: a stranger beside, one elsewhere, another port."""
        found, undecided = list[Meeting](), list[Meeting]()
        for sort in meetings.stopped(policy, direction, pod, allowed):
            closed = [m for m in sort if self._answer(m) is False]
            undecided += sort
            sharp = [m for m in closed if self._is_stopped_by(m, direction)]
            found += (sharp or closed)[:1]
        if not found:
            self._note_unknown(policy, undecided)
            if direction is Direction.INGRESS:
                free = meetings.at_free_port(pod, allowed)
                found += [m for m in free if self._answer(m) is False][:1]
        for meeting in found:
            self._add(policy, meeting)
        return found

    def _note_unknown(self, policy: Policy, meetings: Iterable[Meeting]) -> None:
        for meeting in meetings:
            traffic, allowed, _ = self._traffic(meeting)
            if allowed is None:
                self.unknown.append(f"{traffic}: not known ({policy})")

    def _is_stopped_by(self, meeting: Meeting, direction: Direction) -> bool:
        """Whether the other side would let it pass, so that this one is seen to stop it."""
        other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
        return self._stops(meeting, direction) and not self._stops(meeting, other)

    def _stops(self, meeting: Meeting, direction: Direction) -> bool:
        """Whether the policies of one side stop it, on some way at least."""
        paths = decide(self.world, self._traffic(meeting)[0], self.dialect).paths
        sides = [p.egress if direction is Direction.EGRESS else p.ingress for p in paths]
        return not all(side.allowed for side in sides)

    def _answer(self, meeting: Meeting, world: ClusterState | None = None) -> bool | None:
        _, allowed, resolves = self._decided(meeting, world or self.world)
        return False if allowed and not resolves else allowed

    def _traffic(self, meeting: Meeting) -> tuple[Traffic, bool | None, bool]:
        return self._decided(meeting, self.world)

    def _decided(self, meeting: Meeting, world: ClusterState) -> tuple[Traffic, bool | None, bool]:
        """The first way to ask that can be asked, by the world as it is; its answer in another."""
        usable = (t for t in meeting.traffics if self._is_usable(t))
        traffic = next(usable, meeting.traffics[-1])
        return traffic, decide(world, traffic, self.dialect).allowed, self._resolves(traffic, world)

    def _is_usable(self, traffic: Traffic) -> bool:
        """Not a Service whose pods differ, nor one that is open while its name does not resolve."""
        allowed = decide(self.world, traffic, self.dialect).allowed
        return allowed is False or (allowed is True and self._resolves(traffic, self.world))

    def _resolves(self, traffic: Traffic, world: ClusterState) -> bool:
        if not isinstance(traffic.target, Service):
            return True
        lookup = dns_traffic(world, traffic.source)
        return lookup is None or decide(world, lookup, self.dialect).allowed is True

    def _add(self, policy: Policy, meeting: Meeting) -> None:
        traffic, now, _ = self._traffic(meeting)
        source, target = self.cast.source(traffic.source), self.cast.target(meeting.end, traffic)
        flow = SuggestedFlow(
            source=source,
            target=target,
            port=traffic.port,
            protocol=traffic.protocol,
            expect="allow" if now else "deny",
            before="allow" if meeting.answers else "refused",
            because=str(policy),
        )
        self.flows.setdefault((source, target, traffic.port, traffic.protocol), flow)


def _without(policy: Policy, rule: Rule) -> Policy:
    rules = tuple(r for r in policy.rules(rule.direction) if r is not rule)
    if rule.direction is Direction.INGRESS:
        return replace(policy, ingress=rules)
    return replace(policy, egress=rules)
