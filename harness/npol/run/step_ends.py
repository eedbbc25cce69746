"""The ends of a step's flows at one moment: who asks, and which addresses are asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npol.errors import NpolError
from npol.judge.source_pods import one_of_each_template, sampled
from npol.judge.targets import absolute_names, no_place, place_pod, resolve, selected_pods
from npol.model.inventory import Inventory
from npol.model.reason import Reason
from npol.model.story import Flow, FlowKind, Peer, Protocol, Step
from npol.model.target import Target
from npol.policy.state.cluster_state import ClusterState
from npol.run.environment import RunEnvironment
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnds:
    """A step's flows, ready to be asked of the cluster as `inventory` and `state` show it."""

    inventory: Inventory
    state: ClusterState
    asked: Mapping[str, PreparedFlow]
    """By name; a flow stands here once for each pod of its source that is asked."""
    skipped: Mapping[str, Reason]
    """By flow name: why it is not asked here."""

    def by_flow(self) -> Mapping[str, Sequence[PreparedFlow]]:
        """Each flow, by its name, from each pod that is asked for it."""
        found: dict[str, list[PreparedFlow]] = {}
        for one in self.asked.values():
            found.setdefault(one.flow.name, []).append(one)
        return found

    def same_as(self, other: StepEnds) -> bool:
        """Whether the same pods are asked at the same addresses."""
        return self._signature() == other._signature()

    def _signature(self) -> dict[str, tuple[str, Target | None]]:
        return {name: (one.source.source.uid, one.target) for name, one in self.asked.items()}

    @property
    def pods(self) -> frozenset[str]:
        """The uids of all pods at some end."""
        sources = {one.source.source.uid for one in self.asked.values()}
        targets = {p.uid for one in self.asked.values() if one.target for p in one.target.pods}
        return frozenset(sources | targets)


def step_ends(environment: RunEnvironment, step: Step, seen: Inventory | None = None) -> StepEnds:
    """
    Look the ends of a step's flows up, now; `seen`: where they were seen.

    Raises:
        Refused: the cluster may not be read, or a source is not there.
    """
    inventory = seen or environment.look()
    state = environment.state(inventory)
    targets = _Targets(environment.story.peers, state)
    asked: dict[str, PreparedFlow] = {}
    skipped: dict[str, Reason] = {}
    for flow in step.flows:
        prepared = _prepared(environment, flow, targets)
        if isinstance(prepared, Reason):
            skipped[flow.name] = prepared
        else:
            asked |= {one.name: one for one in prepared}
    if any(one.target and one.target.resolved_at_source for one in asked.values()):
        asked = environment.names.resolved(asked, environment.engine.name)
    return StepEnds(inventory=inventory, state=state, asked=asked, skipped=skipped)


@dataclass(slots=True)
class MovedEnds:
    """
    Looks now and then whether a step's ends are still those that are asked.

    A look that fails has seen nothing move: what became of the ends is for the probes to say.
    """

    environment: RunEnvironment
    step: Step
    ends: StepEnds
    now: StepEnds | None = None
    """The ends as they are since; None while they are the same."""

    def __call__(self) -> bool:
        try:
            latest = step_ends(self.environment, self.step, self.environment.glance())
        except NpolError as error:
            log.info("step %r: its ends were not looked up again: %s", self.step.name, error)
            return False
        if not latest.same_as(self.ends):
            self.now = latest
        return self.now is not None


@dataclass(frozen=True, slots=True)
class _Targets:
    """Looks each target up once: thousands of flows may go to a few."""

    peers: Mapping[str, Peer]
    state: ClusterState
    _known: dict[tuple[str, int, Protocol, bool], Target] = field(default_factory=dict)

    def of(self, flow: Flow) -> Target:
        outside = bool(self.peers[flow.source].external)
        key = flow.target, flow.port, flow.protocol, outside
        if key not in self._known:
            peer = self.peers[flow.target]
            self._known[key] = resolve(flow, peer, self.state, from_outside=outside)
        return self._known[key]


def _prepared(
    environment: RunEnvironment, flow: Flow, targets: _Targets
) -> list[PreparedFlow] | Reason:
    """The flow ready to be asked, from each pod of its source, or why it is skipped."""
    source, state = targets.peers[flow.source], targets.state
    if source.external and place_pod(source.external, state) is None:
        return no_place(source.external)
    target: Target | None = None
    if flow.kind is not FlowKind.DNS:
        target = targets.of(flow)
        if target.absent and target.problem:
            return target.problem
    sources, pods = _sources(environment, source, state)
    return [
        PreparedFlow(
            flow=flow,
            source=one,
            target=target.seen_from(one.source) if target else None,
            timeout=environment.story.defaults.timeout,
            looked_up=absolute_names(flow.resolve, source, state) if flow.resolve else (),
            source_pods=pods,
            domain=state.domain,
            held=environment.held.probes(one.source, flow, target) if flow.hold else (),
        )
        for one in sources
    ]


def _sources(
    environment: RunEnvironment, peer: Peer, state: ClusterState
) -> tuple[list[ProbeSource], int]:
    """Where a peer's probes are asked from, and how many pods it has: unready ones are left out."""
    pods = [p for p in selected_pods(peer, state) if p.ip] if peer.workload else []
    ready = [p for p in pods if p.ready]
    if not ready:
        return [environment.sources.prober(peer.name)], max(1, len(pods))
    chosen = one_of_each_template(ready) if peer.chosen_by else sampled(ready)
    return [environment.sources.inside(pod) for pod in chosen], len(pods)
