"""
A flow that tells a changed policy from the policy, in the words of a story.

Only flows that packets can prove count: what is expected to be closed must be known to live
(`npol.judge.liveness`). It answers, or over TCP its host refuses in an earlier, open step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from npol.errors import Position
from npol.model.expectation import Expectation, parse_expectation
from npol.model.story import Flow, Peer, Protocol, Story
from npol.mutation.candidate_flows import CandidateFlow, CandidateFlows
from npol.mutation.known_ports import listening
from npol.mutation.unkillable import why_unkillable
from npol.policy.matrix.diff import Difference, difference
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.entities import ExternalEndpoint
from npol.policy.simulate.flow_resolution import ResolvedFlow, ask, debug_pod
from npol.policy.simulate.forecast import foretell
from npol.policy.simulate.simulated_steps import SimulatedStep
from npol.policy.state.cluster_state import ClusterState

NOWHERE = Position("")
REFUSED = parse_expectation("refused")
DENY = parse_expectation("deny")
ALLOW = parse_expectation("allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class KillingFlow:
    """`flow` and `peers` as a story file spells them; `peers`: those that it does not have."""

    step: str
    flow: Mapping[str, Any]
    peers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    open_in: str = ""
    """An earlier step in which the same flow must be seen to be refused."""

    @property
    def rank(self) -> tuple[int, bool, bool, bool, bool]:
        """Less is plainer: a story's own peers, something that answers, TCP, a Service."""
        return (
            len(self.peers),
            bool(self.open_in),
            self.flow["expect"] == "refused",
            "protocol" in self.flow,
            not isinstance(self.flow["to"], str),
        )


class KillingFlows:
    """Finds killing flows for the policies of one story."""

    def __init__(self, story: Story, told: Sequence[SimulatedStep], dialect: Dialect) -> None:
        self._story = story
        self._told = told
        self._dialect = dialect
        self._known = listening(told, dialect)
        sources = {f.source for step in story.steps for f in step.flows}
        self._asking = [peer for name, peer in story.peers.items() if name in sources]

    def find(self, scene: SimulatedStep, changed: ClusterState) -> tuple[KillingFlow | None, str]:
        """
        The plainest killing flow in a step, or why no difference there can be proven ("": none).

        `changed` is the step's world with the changed policy.
        """
        debug = [debug_pod(p) for p in self._asking if not (p.external or p.workload or p.pod)]
        without, within = changed.with_pods(debug), scene.world.with_pods(debug)
        meetings = CandidateFlows(scene.world, self._story, self._asking, self._known)
        found = [
            d for d in difference(without, within, self._dialect) if meetings.ends_of(d.target)
        ]
        best = _plainest(
            flow
            for one in found
            for meeting in meetings.of(one)
            if (flow := self._killing_flow(scene, changed, one, meeting))
        )
        return best, "" if best else why_unkillable(found, meetings)

    def _killing_flow(
        self, scene: SimulatedStep, changed: ClusterState, found: Difference, meeting: CandidateFlow
    ) -> KillingFlow | None:
        """A meeting that is as expected under the policy, and is not under the changed one."""
        if not meeting.answers and meeting.protocol is not Protocol.TCP:
            return None
        expect = (ALLOW if meeting.answers else REFUSED) if found.opens else DENY
        asked = self._ask(scene, meeting, expect)
        before = foretell(asked, scene.world, self._dialect)
        if before is False or (before is None and not self._may_hold(expect, asked)):
            return None
        if not asked.traffics or foretell(asked, changed, self._dialect) is not False:
            return None
        flow = KillingFlow(step=scene.step, flow=_spelled(asked.flow), peers=meeting.peers)
        if meeting.answers or expect is REFUSED or meeting.refuses:
            return flow
        first = self._first_open(scene, meeting)
        return replace(flow, open_in=first) if first else None

    def _may_hold(self, expect: Expectation, asked: ResolvedFlow) -> bool:
        """
        Whether an expectation of which nothing is known may be made all the same.

        That nothing listens is not foretold; nor are addresses of pods that are yet to be made,
        which seldom lie in a block that a policy names. Where a place is, nobody here knows.
        """
        ends = (t.target for t in asked.traffics)
        return expect is REFUSED or (
            expect is DENY and not any(isinstance(e, ExternalEndpoint) for e in ends)
        )

    def _first_open(self, last: SimulatedStep, meeting: CandidateFlow) -> str:
        """The first step before `last` in which a meeting is open; "" if there is none."""
        for scene in self._told[: self._told.index(last)]:
            asked = self._ask(scene, meeting, ALLOW)
            if asked.traffics and foretell(asked, scene.world, self._dialect):
                return scene.step
        return ""

    def _ask(
        self, scene: SimulatedStep, meeting: CandidateFlow, expect: Expectation
    ) -> ResolvedFlow:
        new = {n: Peer(name=n, at=NOWHERE, **entry) for n, entry in meeting.peers.items()}
        story = replace(self._story, peers={**self._story.peers, **new})
        return ask(scene.world, story, _flow(meeting, expect))


def _flow(meeting: CandidateFlow, expect: Expectation) -> Flow:
    return Flow(
        name=f"{meeting.source.name} -> {meeting.target.name}:{meeting.target.port}",
        at=NOWHERE,
        source=meeting.source.name,
        target=meeting.target.name,
        every_pod=meeting.target.every_pod,
        port=meeting.target.port,
        protocol=meeting.protocol,
        expect=expect,
    )


def _spelled(flow: Flow) -> dict[str, Any]:
    other = {} if flow.protocol is Protocol.TCP else {"protocol": flow.protocol.value}
    return {
        "from": flow.source,
        "to": {"every pod of": flow.target} if flow.every_pod else flow.target,
        "port": flow.port,
        **other,
        "expect": str(flow.expect),
    }


def _plainest(found: Iterator[KillingFlow]) -> KillingFlow | None:
    """The first of the plainest; none is plainer than one that needs nothing."""
    best: KillingFlow | None = None
    for flow in found:
        if best is None or flow.rank < best.rank:
            best = flow
        if not any(best.rank):
            break
    return best
