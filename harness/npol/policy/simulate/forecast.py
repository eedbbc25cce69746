"""
A story foretold: which of its expectations the policies will not meet, and what else will change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.causes import Cause
from npol.model.peer_selection import lasting
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.refused_object import RefusedObject
from npol.model.story import Flow
from npol.policy.evaluate.evaluate import decide, evaluate
from npol.policy.explain.causes import causes
from npol.policy.explain.fixes import remedies
from npol.policy.matrix.diff import Difference, End, difference
from npol.policy.matrix.equivalence import PodGroup
from npol.policy.objects.dialects import Dialect, dialect_of
from npol.policy.objects.entities import ExternalEndpoint, Pod, Service
from npol.policy.simulate.flow_decision import FlowDecision, decide_flow
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.simulated_steps import SimulatedStep
from npol.policy.state.cluster_state import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowForecast:
    """One flow. `holds` None: its expectation cannot be foretold."""

    flow: Flow
    prediction: Prediction
    holds: bool | None
    by_engine: bool = False
    """Whether engines differ on it by design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepForecast:
    """One step: its flows, and what opens or closes that no flow of it asks about."""

    step: str
    flows: tuple[FlowForecast, ...]
    unasked: tuple[Difference, ...] = ()
    refused: tuple[RefusedObject, ...] = ()
    """Policies that the API server would refuse: predictions are made without them."""

    @property
    def failing(self) -> tuple[FlowForecast, ...]:
        return tuple(f for f in self.flows if f.holds is False)

    @property
    def not_foretold(self) -> tuple[FlowForecast, ...]:
        """Flows without a prediction; what an open port answers is not the policies' affair."""
        unknown = PredictedDecision.UNKNOWN
        return tuple(f for f in self.flows if f.holds is None and f.prediction.decision is unknown)


def forecast(told: Sequence[SimulatedStep], engine: str) -> list[StepForecast]:
    """What each step of a story will do on an engine, before anything is applied."""
    dialect = dialect_of(engine)
    steps: list[StepForecast] = []
    before: ClusterState | None = None
    for scene in told:
        flows = tuple(_flow(asked, scene.world, dialect, engine) for asked in scene.asked)
        unasked = tuple(_unasked(before, scene, dialect)) if before else ()
        steps.append(
            StepForecast(
                step=scene.step,
                flows=flows,
                unasked=unasked,
                refused=scene.world.refused,
            )
        )
        before = scene.world
    return steps


def foretell(asked: ResolvedFlow, world: ClusterState, dialect: Dialect) -> bool | None:
    """Whether a flow's expectation is met in a world, as one engine reads it; None: not known."""
    decided = decide_flow(asked, world, dialect, decide)
    return decided.holds(asked.flow.expect.for_engine(dialect.name))


def predict(asked: ResolvedFlow, world: ClusterState, engine: str) -> Prediction:
    """What becomes of a flow in a world on an engine, with its causes."""
    dialect = dialect_of(engine)
    return _explained(decide_flow(asked, world, dialect, evaluate), world, dialect)


def known_fixes(asked: ResolvedFlow, world: ClusterState, engine: str) -> tuple[Cause, ...]:
    """What would let a flow through that is denied; () where it is not, or nothing here would."""
    dialect = dialect_of(engine)
    denied = next(
        (d for d in decide_flow(asked, world, dialect, evaluate).telling if d.allowed is False),
        None,
    )
    found = remedies(world.as_read(dialect), denied, dialect) if denied else ()
    return tuple(Cause(what=f.what, at=f.at) for f in found)


def _explained(decided: FlowDecision, world: ClusterState, dialect: Dialect) -> Prediction:
    first = next(iter(decided.telling), None)
    told = tuple(causes(world.as_read(dialect), first)) if first else ()
    return replace(decided.prediction, causes=told)


def _flow(asked: ResolvedFlow, world: ClusterState, dialect: Dialect, engine: str) -> FlowForecast:
    decided = decide_flow(asked, world, dialect, evaluate)
    return FlowForecast(
        flow=asked.flow,
        prediction=_explained(decided, world, dialect),
        holds=decided.holds(asked.flow.expect.for_engine(engine)),
        by_engine=decided.depends_on_dialect,
    )


def _unasked(before: ClusterState, scene: SimulatedStep, dialect: Dialect) -> Iterator[Difference]:
    """Differences without the pairs of ends that some flow of the step asks about."""
    asked = [t for a in scene.asked for t in a.every_traffic]
    sources = _FlowEnds([t.source for t in asked])
    targets = _FlowEnds([t.target for t in asked])
    for found in difference(before, scene.world, dialect):
        to_it = targets.of(found.target)
        rest = tuple(s for s in found.sources if to_it.isdisjoint(sources.of(s)))
        if rest:
            yield replace(found, sources=rest)


class _FlowEnds:
    """One end of each of many flows. Each difference asks for the same few groups again."""

    def __init__(self, ends: Sequence[object]) -> None:
        self._flows: dict[int, tuple[object, set[int]]] = {}
        for number, end in enumerate(ends):
            self._flows.setdefault(id(end), (end, set()))[1].add(number)
        self._found: dict[int, tuple[End, frozenset[int]]] = {}

    def of(self, group: End) -> frozenset[int]:
        """Which of the flows have an end of a group, or a debug pod in its likeness."""
        if id(group) not in self._found:
            found = (flows for end, flows in self._flows.values() if _is_of(end, group))
            self._found[id(group)] = (group, frozenset[int]().union(*found))
        return self._found[id(group)][1]


def _is_of(end: object, group: End) -> bool:
    if isinstance(group, ExternalEndpoint):
        return isinstance(end, ExternalEndpoint)
    if isinstance(end, Pod):
        return end.namespace == group.first.namespace and _alike(end, group)
    if not isinstance(end, Service) or end.namespace != group.first.namespace:
        return False
    wanted = (end.selector or {}).items()
    return bool(wanted) and any(wanted <= p.labels.items() for p in group.pods)


def _alike(pod: Pod, group: PodGroup) -> bool:
    labels = lasting(pod.labels).items()
    return any(labels <= lasting(p.labels).items() for p in group.pods)
