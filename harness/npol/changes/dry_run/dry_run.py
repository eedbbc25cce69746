"""What a story would change, step by step; nothing is changed, not even locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from npol.changes.apply.change_session import ChangeSession, bare
from npol.changes.apply.policies import Policies, Preview, decides
from npol.changes.apply.workloads import Workloads
from npol.changes.dry_run.kubectl_commands import (
    KubectlCommand,
    apply_commands,
    delete_commands,
    directory_of,
    other_policies_of,
    policies_of,
)
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Key
from npol.changes.state.compare import difference, same, unmarked
from npol.changes.state.snapshot import key_of, take
from npol.errors import InputError, NpolError
from npol.kube.connection import Connection
from npol.kube.signals import Stop
from npol.model.change import Apply, Delete, Label, Manifest, Restart, Restore, Scale
from npol.model.replay import replay
from npol.model.story import Step, Story

Imagined = Preview | str | NpolError
"""A policy's change, another change in words, or why it would be refused."""
TIER = "Tier"
SIDES = ("before this step", "after it")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What one step would do."""

    name: str
    previews: tuple[Preview, ...] = ()
    others: tuple[str, ...] = ()
    """Changes that are no policies, one line each."""
    problems: tuple[str, ...] = ()
    """Why a change would be refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What a story would do to a cluster."""

    story: str
    context: str
    steps: tuple[StepPlan, ...]
    commands: tuple[KubectlCommand, ...]
    """To apply by hand, from `directory`."""
    undo: tuple[KubectlCommand, ...]
    """To delete again by hand, from `directory`."""
    directory: str

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(text for step in self.steps for text in step.problems)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.story} on context {self.context}: nothing is changed by this dry run"
        for step in self.steps:
            yield f"\n{step.name}"
            for preview in step.previews:
                yield f"  would {preview.action} {preview.key}"
                yield from (f"    {line}" for line in preview.diff.splitlines())
            yield from (f"  would {line}" for line in step.others)
            yield from (f"  would be refused: {text}" for text in step.problems)
        for title, commands in (("apply", self.commands), ("roll back", self.undo)):
            if commands:
                yield f"\nto {title} by hand, in {self.directory}:"
                yield from (f"  {command.line}" for command in commands)


def plan_changes(
    connection: Connection,
    story: Story,
    *,
    to: str = "",
    replace: bool = False,
    allow_gitops: bool = False,
) -> ChangePlan:
    """
    What `npol run` would change up to a step, as a diff; the server's admission is asked.

    Raises:
        InputError: the story has no such step.
        Refused: the cluster cannot be read.
    """
    steps = _until(story, to)
    dry_run = _DryRun(_session(connection, story, replace=replace, allow_gitops=allow_gitops))
    context, manifests = connection.context, policies_of(story)
    return ChangePlan(
        story=story.name,
        context=context,
        steps=tuple(dry_run.step(step) for step in steps),
        commands=tuple(apply_commands(story, manifests, context)),
        undo=tuple(delete_commands(story, manifests, context)),
        directory=directory_of(story),
    )


def _until(story: Story, to: str) -> tuple[Step, ...]:
    names = [step.name for step in story.steps]
    if to and to not in names:
        raise InputError(f"story {story.name!r} has no step {to!r}", hint=f"one of: {names}")
    return story.steps[: names.index(to) + 1] if to else story.steps


def _session(
    connection: Connection, story: Story, *, replace: bool, allow_gitops: bool
) -> ChangeSession:
    """A session that knows the cluster as it is, holds no lock, and keeps no journal."""
    writer = JournalWriter(None, None)
    changed = [key_of(m.body) for m in policies_of(story, (Apply, Delete))]
    namespaces = {key.namespace for key in changed if key.namespace}
    others = other_policies_of(story)
    kinds = sorted({(key.api_version, key.kind) for key in others})
    # a dry run is a write to the guard
    connection.permit(namespaces=namespaces, kinds=[connection.resource(*kind) for kind in kinds])
    for entry in take(connection, namespaces, also=others).entries:
        writer.journal.take(entry)
    return ChangeSession(
        connection=connection,
        writer=writer,
        run_id="dry-run",
        stop=Stop(),
        check_lock=lambda _: None,
        replace=replace,
        allow_gitops=allow_gitops,
    )


@dataclass(slots=True)
class _DryRun:
    """Steps imagined one after another; `after` holds what they have touched so far."""

    session: ChangeSession
    after: dict[Key, Mapping[str, Any] | None] = field(default_factory=dict)
    made: set[Key] = field(default_factory=set)
    """What is not there yet, and would be by then."""

    def step(self, step: Step) -> StepPlan:
        found = list(replay(step.changes, self))
        return StepPlan(
            name=step.name,
            previews=tuple(f for f in found if isinstance(f, Preview)),
            others=tuple(f for f in found if isinstance(f, str)),
            problems=tuple(str(f) for f in found if isinstance(f, NpolError)),
        )

    def apply(self, change: Apply) -> Iterator[Imagined]:
        preview = partial(Policies(self.session).preview_apply, replace=change.replace)
        for manifest in sorted(change.manifests, key=lambda m: decides(key_of(m.body))):
            yield self._preview(manifest, manifest.body, preview)

    def delete(self, change: Delete) -> Iterator[Imagined]:
        for manifest in change.manifests:
            yield self._preview(manifest, None, Policies(self.session).preview_delete)

    def label(self, change: Label) -> list[Imagined]:
        return [_spell(change)]

    def restore(self, change: Restore) -> list[Imagined]:
        return [_spell(change)]

    def restart(self, change: Restart) -> list[Imagined]:
        return [f"evict all pods of {change.workload}"]

    def scale(self, change: Scale) -> list[Imagined]:
        try:
            return [Workloads(self.session).preview_scale(change.workload, change.replicas)]
        except NpolError as error:
            return [error]

    def _preview(
        self,
        manifest: Manifest,
        body: Mapping[str, Any] | None,
        preview: Callable[[Mapping[str, Any]], Preview],
    ) -> Imagined:
        """Of what an earlier step would have touched the server cannot be asked."""
        key = key_of(manifest.body)
        try:
            if key in self.after or self._is_missing(key.namespace) or self._lacks_tier(body):
                found = _imagined(key, self.after.get(key), bare(body) if body else None)
            else:
                found = preview(manifest.body)
        except NpolError as error:
            return error
        self.after[key] = body
        (self.made.add if found.action == "create" else self.made.discard)(key)
        return found

    def _lacks_tier(self, body: Mapping[str, Any] | None) -> bool:
        """Whether the story makes the policy's tier: Calico refuses one that stands in none."""
        tier = (body.get("spec") or {}).get("tier") if body else None
        return any((key.kind, key.name) == (TIER, tier) for key in self.made)

    def _is_missing(self, namespace: str) -> bool:
        """Whether the story makes the namespace itself, so that the server cannot be asked."""
        place = self.session.writer.journal.places.get(namespace)
        return place is not None and not place.uid


def _imagined(
    key: Key, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Preview:
    """A change of what an earlier step would have left, which the server cannot be asked of."""
    if after is None:
        action = "absent" if before is None else "delete"
    elif before is None:
        action = "create"
    else:
        action = "unchanged" if same(unmarked(before), unmarked(after)) else "replace"
    diff = difference(before, after, name=str(key), labels=SIDES)
    return Preview(action=action, key=key, diff=diff)


def _spell(change: Label | Restore) -> str:
    if isinstance(change, Restore):
        return f"restore the state of step {change.step!r}"
    labels = ", ".join(f"{k}={v}" if v is not None else f"{k}-" for k, v in change.set.items())
    place = f"{change.namespace}/" if change.namespace else ""
    return f"label {change.kind} {place}{change.name}: {labels}"
