"""The page of record of a story: its policies, as its files have them or as a cluster does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from npol.changes.dry_run.kubectl_commands import (
    KubectlCommand,
    apply_commands,
    delete_commands,
    get_commands,
    policies_of,
)
from npol.changes.state.snapshot import key_of
from npol.document.applied_policies import AppliedComparison
from npol.document.policy_entries import flow_entries, policy_entries
from npol.model.change import Apply, Change, Delete, Label, Manifest, Restart, Restore, Scale
from npol.model.next_command import npol_command
from npol.model.policy_document import DocumentedPolicy, DocumentedStep, PolicyDocument
from npol.model.story import Peer, Step, Story
from npol.policy.explain.label_requirements import label_needs
from npol.policy.matrix.render import by_family as drawn
from npol.policy.objects.dialects import dialect_of
from npol.policy.simulate.simulated_steps import SimulatedStep, fullest, scenes
from npol.policy.state.cluster_state import ClusterState

NO_CONTEXT = "CONTEXT"
"""Stands in the commands where no cluster was named; kubectl knows no such context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What the page is of: a step of a story, and a cluster if one was asked."""

    story: Story
    told: Sequence[SimulatedStep]
    at: SimulatedStep
    engine: str = "calico"
    context: str = ""
    facts: tuple[str, ...] = ()
    compared: AppliedComparison | None = None

    @property
    def manifests(self) -> list[Manifest]:
        """The policies of the step, in the order in which the story first applies each."""
        world = _scene(self.told, self.at.step).world
        held = {p.origin.at for p in world.every_policy}
        order = {key_of(m.body): n for n, m in enumerate(policies_of(self.story))}
        found = {m.at: m for m in self.story.applied if m.at in held}
        return sorted(found.values(), key=lambda m: order[key_of(m.body)])

    @property
    def world(self) -> ClusterState:
        return self.at.world


def meant(story: Story, step: str = "") -> Meant:
    """The policies of a step; of the one after which most are applied, unless it is named."""
    told = scenes(story)
    at = _scene(told, step) if step else fullest(told)
    return Meant(story=story, told=told, at=at)


def story_page(given: Meant, *, command: str, from_file: bool = True) -> PolicyDocument:
    """The page; `from_file`: the story is a file of its own, with flows and `npol rollback`."""
    story = given.story
    context = given.context or NO_CONTEXT
    going = list(reversed(policies_of(story)))  # as `npol rollback` goes
    page = PolicyDocument(
        title=story.name,
        command=command,
        state=_state(given) if from_file else "The policies of all manifests here.",
        facts=given.facts,
        policies=tuple(_entries(given)),
        refused=given.at.world.refused,
        missing=given.compared.missing if given.compared else (),
        labels=label_needs(given.world),
        files=tuple(dict.fromkeys(m.at.file for m in given.manifests)),
        applying=_lines(apply_commands(story, given.manifests, context)),
        deleting=_lines(delete_commands(story, going, context)),
        verifying=_lines(get_commands([key_of(m.body) for m in going], context)),
    )
    if not from_file:
        return replace(page, matrix=drawn(given.world, dialect_of(given.engine)))
    return replace(
        page,
        peers=tuple((p.name, _who(p)) for p in story.peers.values()),
        flows=tuple(flow_entries(story, given.told, given.at, given.engine)),
        rollback=npol_command(
            "rollback", path=story.path, options=shlex.join(["--context", context])
        ),
        proof=tuple(_proof(story)),
        steps=tuple(map(_step, story.steps)),
    )


def _state(given: Meant) -> str:
    if given.compared:
        return f"The policies as they are applied, beside those of step '{given.at.step}'."
    return f"The policies after step '{given.at.step}' of {given.story.path}."


def _scene(told: Sequence[SimulatedStep], step: str) -> SimulatedStep:
    return next(scene for scene in told if scene.step == step)


def _entries(given: Meant) -> Iterator[DocumentedPolicy]:
    said = given.compared.said if given.compared else {}
    for entry in policy_entries(given.world, dialect_of(given.engine)):
        yield replace(entry, applied=said.get((entry.namespace, entry.name), ""))


def _lines(commands: Sequence[KubectlCommand]) -> tuple[str, ...]:
    return tuple(command.line for command in commands)


def _proof(story: Story) -> Iterator[str]:
    """What the step before all changes asks."""
    if before := story.baseline:
        yield from (c.name for c in before.checks)
        yield from (f"{f.name}: {f.expect}" for f in before.flows)


def _who(peer: Peer) -> str:
    if peer.external or peer.address:
        return peer.address or f"outside of the cluster: {peer.external}"
    if peer.host:
        return f"host {peer.host} by way of Service {peer.via_namespace}/{peer.via_service}"
    parts = [
        f"pods with {','.join(f'{k}={v}' for k, v in peer.labels.items())}" if peer.labels else "",
        peer.workload or (f"pod/{peer.pod}" if peer.pod else ""),
        f"Service {peer.service}" if peer.service else "",
    ]
    return f"{', '.join(p for p in parts if p)} in namespace {peer.namespace}"


def _step(step: Step) -> DocumentedStep:
    return DocumentedStep(
        name=step.name,
        changes=tuple(line for change in step.changes for line in _change(change)),
        checks=tuple(check.name for check in step.checks),
        flows=len(step.flows),
    )


def _change(change: Change) -> Iterator[str]:
    match change:
        case Apply(manifests=manifests) | Delete(manifests=manifests):
            word = "apply" if isinstance(change, Apply) else "delete"
            yield from (f"{word} {file}" for file in dict.fromkeys(m.at.file for m in manifests))
        case Label():
            pairs = ", ".join(f"{k}={v}" if v else f"{k}-" for k, v in change.set.items())
            yield f"label {change.kind} {change.name}: {pairs}"
        case Restore(step=step):
            yield f"restore {step}"
        case Restart(workload=workload):
            yield f"restart {workload}"
        case Scale(workload=workload, replicas=replicas):
            yield f"scale {workload} to {replicas}"
