"""A story told without a cluster: the world after each step, and what its flows are in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from npol.model.story import Apply, Change, Delete, Flow, Label, Restore, Step, Story
from npol.policy.objects.dialects import Dialect
from npol.policy.simulate.flow_resolution import ResolvedFlow, ask
from npol.policy.state.apply_changes import apply, delete, label
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStep:
    """One step: the world after its changes, and its flows there."""

    step: str
    world: ClusterState
    asked: tuple[ResolvedFlow, ...] = ()


def scenes(story: Story, start: ClusterState | None = None) -> list[SimulatedStep]:
    """
    The steps of a story, told from `given` (and `start`, such as a cluster) by its manifests.

    Steps with `same_as` bring the flows of the step that they name.
    """
    world = with_dns(apply(start or ClusterState(), story.given, default_namespace=_default(story)))
    worlds: dict[str, ClusterState] = {}
    flows: dict[str, tuple[Flow, ...]] = {}
    told: list[SimulatedStep] = []
    for step in story.steps:
        for change in step.changes:
            world = changed(world, change, worlds, _default(story))
        worlds[step.name] = world
        flows[step.name] = _flows(step, flows)
        asked = tuple(ask(world, story, flow) for flow in flows[step.name])
        told.append(SimulatedStep(step=step.name, world=world, asked=asked))
    return told


def read_by(dialect: Dialect, told: Iterable[SimulatedStep]) -> list[SimulatedStep]:
    """The scenes with the directions in force that they are for an engine."""
    return [replace(scene, world=scene.world.as_read(dialect)) for scene in told]


def _default(story: Story) -> str:
    return story.defaults.namespace or "default"


def _flows(step: Step, earlier: dict[str, tuple[Flow, ...]]) -> tuple[Flow, ...]:
    known = {f.key for f in step.flows}
    repeated = earlier.get(step.same_as, ())
    return (*step.flows, *(f for f in repeated if f.key not in known))


def changed(
    world: ClusterState, change: Change, recorded: dict[str, ClusterState], namespace: str
) -> ClusterState:
    """The world after one change; `recorded`: what it was at the end of earlier steps."""
    match change:
        case Apply(manifests=manifests):
            return apply(world, manifests, default_namespace=namespace)
        case Delete(manifests=manifests):
            return delete(world, manifests, default_namespace=namespace)
        case Label():
            where = change.namespace or namespace
            return label(
                world, kind=change.kind, name=change.name, namespace=where, labels=change.set
            )
        case Restore(step=step):
            return recorded.get(step, world)
