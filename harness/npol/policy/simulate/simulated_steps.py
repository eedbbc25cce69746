"""A story told without a cluster: the world after each step, and what its flows are in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from npol.model.change import Apply, Delete, Label, Restart, Restore, Scale
from npol.model.refused_object import RefusedObject
from npol.model.replay import replay
from npol.model.story import Step, Story
from npol.policy.objects.dialects import Dialect
from npol.policy.simulate.flow_resolution import ResolvedFlow, ask
from npol.policy.state.apply_changes import apply, build, delete, label
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.policy.state.paired_flows import with_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStep:
    """One step: the world after its changes, and its flows there."""

    step: str
    world: ClusterState
    asked: tuple[ResolvedFlow, ...] = ()


def scenes(story: Story, start: ClusterState | None = None) -> list[SimulatedStep]:
    """The steps of a story, told from `given` (and `start`, such as a cluster) by its manifests."""
    default = _default(story)
    world = with_dns(apply(start or ClusterState(), story.given, default_namespace=default))
    story = with_pairs(story, world.namespace_labels)
    cluster = _SimulatedCluster(world, default)
    told: list[SimulatedStep] = []
    for step in story.steps:
        world = cluster.after(step)
        flows = () if _is_skipped(step, world) else step.flows
        asked = tuple(ask(world, story, flow) for flow in flows)
        told.append(SimulatedStep(step=step.name, world=world, asked=asked))
    return told


def _is_skipped(step: Step, world: ClusterState) -> bool:
    """Whether it waits for a NetworkPolicy that is not there; of other objects nothing is said."""
    when = step.when
    if when is None or when.kind.lower() not in ("networkpolicy", "networkpolicies", "netpol"):
        return False
    return world.policy(when.namespace, when.name) is None


def fullest(told: Sequence[SimulatedStep]) -> SimulatedStep:
    """The step after which most policies are applied; of several the last one."""
    return max(reversed(told), key=_policies)


def _policies(scene: SimulatedStep) -> int:
    return len(scene.world.every_policy)


def refused_objects(story: Story) -> list[RefusedObject]:
    """The policies that a story gives or applies in vain, for the API server refuses them."""
    default = _default(story)
    worlds = (build([m], default_namespace=default) for m in (*story.given, *story.applied))
    return list(dict.fromkeys(r for world in worlds for r in world.refused))


def read_by(dialect: Dialect, told: Iterable[SimulatedStep]) -> list[SimulatedStep]:
    """The scenes with the directions in force that they are for an engine."""
    return [replace(scene, world=scene.world.as_read(dialect)) for scene in told]


def _default(story: Story) -> str:
    return story.defaults.namespace or "default"


@dataclass(slots=True)
class _SimulatedCluster:
    """Changes are made on a state; `namespace` is for manifests that name none."""

    state: ClusterState
    namespace: str
    recorded: dict[str, ClusterState] = field(default_factory=dict)
    """The state at the end of each step."""

    def after(self, step: Step) -> ClusterState:
        for state in replay(step.changes, self):
            self.state = state
        self.recorded[step.name] = self.state
        return self.state

    def apply(self, change: Apply) -> list[ClusterState]:
        return [apply(self.state, change.manifests, default_namespace=self.namespace)]

    def delete(self, change: Delete) -> list[ClusterState]:
        return [delete(self.state, change.manifests, default_namespace=self.namespace)]

    def label(self, change: Label) -> list[ClusterState]:
        where, kind = change.namespace or self.namespace, change.kind
        return [label(self.state, kind=kind, name=change.name, namespace=where, labels=change.set)]

    def restore(self, change: Restore) -> list[ClusterState]:
        return [self.recorded.get(change.step, self.state)]

    def restart(self, change: Restart) -> list[ClusterState]:
        return [self.state]

    def scale(self, change: Scale) -> list[ClusterState]:
        """Policies select by labels, and a workload's pods are alike, however many they are."""
        return [self.state]
