"""
A story foretold: which of its expectations the policies will not meet, and what else will change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.expectation import Expectation, Outcome, Word
from npol.model.result import Cause
from npol.model.story import Flow
from npol.policy.evaluate.decision import Decision
from npol.policy.evaluate.evaluate import decide, evaluate
from npol.policy.explain.causes import causes
from npol.policy.explain.fixes import lasting
from npol.policy.matrix.diff import Difference, End, difference
from npol.policy.matrix.equivalence import PodGroup
from npol.policy.objects.dialects import Dialect, dialect_of
from npol.policy.objects.entities import ExternalEndpoint, Pod, Service, Traffic
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.simulated_steps import SimulatedStep
from npol.policy.state.cluster_state import ClusterState

BEHIND = "deny behind the proxy"
"""The request arrives, and what the proxy asks in its turn does not: 502 or 504."""


NAMELESS = "dns timeout"
"""The packets would pass, and the name does not resolve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowForecast:
    """One flow. `holds` None: its expectation cannot be foretold."""

    flow: Flow
    prediction: str
    """`allow`, `deny`, `dns timeout`, `deny behind the proxy`, or `unknown: ...`."""
    holds: bool | None
    causes: tuple[Cause, ...] = ()
    by_engine: bool = False
    """Whether engines differ on it by design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepForecast:
    """One step: its flows, and what opens or closes that no flow of it asks about."""

    step: str
    flows: tuple[FlowForecast, ...]
    unasked: tuple[Difference, ...] = ()

    @property
    def failing(self) -> tuple[FlowForecast, ...]:
        return tuple(f for f in self.flows if f.holds is False)


def forecast(told: Sequence[SimulatedStep], engine: str) -> list[StepForecast]:
    """What each step of a story will do on an engine, before anything is applied."""
    dialect = dialect_of(engine)
    steps: list[StepForecast] = []
    before: ClusterState | None = None
    for scene in told:
        flows = tuple(_flow(asked, scene.world, dialect, engine) for asked in scene.asked)
        unasked = tuple(_unasked(before, scene, dialect)) if before else ()
        steps.append(StepForecast(step=scene.step, flows=flows, unasked=unasked))
        before = scene.world
    return steps


def foretell(asked: ResolvedFlow, world: ClusterState, dialect: Dialect) -> bool | None:
    """Whether a flow's expectation is met in a world, as one engine reads it; None: not known."""
    decided = _decided(asked, world, dialect, decide)
    return decided.holds(asked.flow.expect.for_engine(dialect.name))


def _flow(asked: ResolvedFlow, world: ClusterState, dialect: Dialect, engine: str) -> FlowForecast:
    decided = _decided(asked, world, dialect, evaluate)
    first = next(iter(decided.telling), None)
    return FlowForecast(
        flow=asked.flow,
        prediction=decided.prediction,
        holds=decided.holds(asked.flow.expect.for_engine(engine)),
        causes=tuple(causes(world.as_read(dialect), first)) if first else (),
        by_engine=any(d.depends_on_dialect for d in decided.packets),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """The decisions on all packets of a flow, and what they come to."""

    names: list[Decision]
    packets: list[Decision]
    behind: list[Decision]
    prediction: str

    @property
    def telling(self) -> list[Decision]:
        """Those that say why, the first of all first."""
        closed = [d for d in (*self.packets, *self.names, *self.behind) if not d.allowed]
        return closed or self.packets

    def holds(self, expect: Expectation) -> bool | None:
        return holds(expect, self.prediction, resolves=_resolves(self.names))


def _decided(
    asked: ResolvedFlow,
    world: ClusterState,
    dialect: Dialect,
    how: Callable[[ClusterState, Traffic, Dialect], Decision],
) -> _Decided:
    names, packets, behind = (
        [how(world, t, dialect) for t in traffics]
        for traffics in (asked.lookups, asked.traffics, asked.hops)
    )
    prediction = _prediction(asked, packets, behind, resolves=_resolves(names))
    return _Decided(names=names, packets=packets, behind=behind, prediction=prediction)


def _resolves(names: list[Decision]) -> bool:
    return all(d.allowed is not False for d in names)


def _prediction(
    asked: ResolvedFlow, packets: list[Decision], behind: list[Decision], *, resolves: bool
) -> str:
    words = {d.prediction for d in packets}
    if not words:
        return f"unknown: {asked.problem}"
    if len(words) > 1:
        unknown = next((w for w in words if w.startswith("unknown")), "")
        return unknown or "unknown: open for some of its pods, closed for others"
    if words == {"allow"} and not resolves:
        return NAMELESS
    if words == {"allow"} and any(d.allowed is False for d in behind):
        return BEHIND
    return words.pop()


def holds(expect: Expectation, prediction: str, *, resolves: bool = True) -> bool | None:
    """
    Whether a prediction is what is expected; None where it says nothing about it.

    A name that does not `resolve` denies nothing by itself: deny is about every address.
    """
    if expect.outcome is Outcome.DNS_TIMEOUT and not resolves:
        return True
    if prediction.startswith("unknown"):
        return None
    if expect.word is Word.HTTP:
        gateway = re.fullmatch(r"50[24x]|5xx", expect.status) is not None
        return prediction == (BEHIND if gateway else "allow")
    if expect.word is Word.DENY or expect.outcome in (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT):
        return prediction == "deny"
    if expect.word is Word.OUTCOME:
        return None if prediction == "allow" else False
    return prediction in ("allow", BEHIND)


def _unasked(before: ClusterState, scene: SimulatedStep, dialect: Dialect) -> Iterator[Difference]:
    """Differences without the pairs of ends that some flow of the step asks about."""
    asked = [t for a in scene.asked for t in a.every_traffic]
    for found in difference(before, scene.world, dialect):
        rest = tuple(
            source
            for source in found.sources
            if not any(_is_between(t, source, found.target) for t in asked)
        )
        if rest:
            yield replace(found, sources=rest)


def _is_between(traffic: Traffic, source: End, target: End) -> bool:
    return _is_of(traffic.source, source) and _is_of(traffic.target, target)


def _is_of(end: object, group: End) -> bool:
    """Whether an end of a flow is one of a group, or a debug pod in its likeness."""
    if isinstance(group, ExternalEndpoint):
        return isinstance(end, ExternalEndpoint)
    if isinstance(end, Pod):
        return end.namespace == group.first.namespace and _alike(end, group)
    if not isinstance(end, Service) or end.namespace != group.first.namespace:
        return False
    wanted = (end.selector or {}).items()
    return bool(wanted) and any(wanted <= p.labels.items() for p in group.pods)


def _alike(pod: Pod, group: PodGroup) -> bool:
    return any(lasting(pod.labels).items() <= lasting(p.labels).items() for p in group.pods)
