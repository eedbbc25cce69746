"""What a rollback would do, object by object; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npol.changes.apply.change_session import bare
from npol.changes.dry_run.kubectl_commands import (
    KubectlCommand,
    delete_by_name,
    delete_commands,
    directory_of,
    get_commands,
    policies_of,
    put_back_command,
)
from npol.changes.journal.find_journals import FoundJournals, OpenRun, find
from npol.changes.journal_types import Key
from npol.changes.restore.undo import ref_of
from npol.changes.state.compare import difference, says_the_same
from npol.changes.state.label_history import labelled
from npol.changes.state.object_history import ObjectHistory, ObjectState, touched
from npol.changes.state.snapshot import check_allowed, key_of
from npol.kube.connection import Connection
from npol.model.change import Manifest
from npol.model.story import Story

ROLLBACK = "(rollback)"
"""What a rollback by files leaves in its journal while it is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackItem:
    """One object of a rollback."""

    action: str
    """`delete`, `put back`, `make again`, `relabel`; `absent`, `as before`, `leave alone`."""
    key: Key
    diff: str = ""
    """Unified diff, from the cluster now to the cluster after the rollback."""
    reason: str = ""
    """Why it is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What a rollback would do, in its order."""

    story: str
    context: str
    runs: tuple[OpenRun, ...]
    """The runs whose journals are followed, newest first; none: the story's files are."""
    items: tuple[RollbackItem, ...]
    commands: tuple[KubectlCommand, ...]
    """To do the same by hand, from `directory`."""
    directory: str

    @property
    def problems(self) -> tuple[str, ...]:
        """What would be left alone, and so would end incomplete."""
        left = (i for i in self.items if i.action == "leave alone")
        return tuple(f"{i.key}: {i.reason}\n{i.diff}" for i in left)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        by = "; ".join(str(run) for run in self.runs) or "the story's files"
        yield f"rollback of {self.story} on context {self.context}, by {by}"
        for item in self.items:
            yield f"  {item.action} {item.key}" + (f": {item.reason}" if item.reason else "")
            yield from (f"    {line}" for line in item.diff.splitlines())
        if self.commands:
            yield f"by hand, in {self.directory}:"
            yield from (f"  {command.line}" for command in self.commands)
        deleted = [i.key for i in self.items if i.action == "delete"]
        if deleted:
            yield "after which this prints nothing:"
            yield from (f"  {c.line}" for c in get_commands(deleted, self.context))


def story_id(story: Story) -> str:
    """What the journal calls a story: its path from the root, the same from every directory."""
    return os.path.relpath(os.path.abspath(story.path), os.path.abspath(story.root))


def plan_rollback(
    connection: Connection,
    story: Story,
    *,
    modified: bool = False,
    state_directory: Path | None = None,
) -> RollbackPlan:
    """
    What `rollback` would do; nothing is changed.

    Raises:
        Refused: a journal cannot be trusted, or the cluster cannot be read.
    """
    found = left_by(connection, story, state_directory)
    context = connection.context
    if found:
        items, commands = _by_journals(connection, found)
    else:
        pairs = [_by_file(connection, m, modified) for m in reversed(policies_of(story))]
        items = [item for item, _ in pairs]
        deleted = [m for item, m in pairs if item.action == "delete"]
        commands = delete_commands(story, deleted, context)
    return RollbackPlan(
        story=story.name,
        context=context,
        runs=tuple(each.run for each in found),
        items=tuple(items),
        commands=tuple(commands),
        directory=directory_of(story),
    )


def left_by(connection: Connection, story: Story, directory: Path | None) -> list[FoundJournals]:
    """The journals that runs of the story have left, newest first."""
    names = {story.path, story_id(story)}
    found = [f for f in find(connection, directory) if f.run.left and f.header.story in names]
    mine = [f for f in found if not is_rollback(f)]
    return sorted(mine, key=lambda f: f.header.started, reverse=True)


def is_rollback(found: FoundJournals) -> bool:
    return found.journal.left is not None and found.journal.left.steps == (ROLLBACK,)


def _by_journals(
    connection: Connection, found: list[FoundJournals]
) -> tuple[list[RollbackItem], list[KubectlCommand]]:
    after: dict[Key, Mapping[str, Any] | None] = {}
    items: list[RollbackItem] = []
    commands: list[KubectlCommand] = []
    for each in found:
        for item in reversed(touched(each.journal)):
            live = (
                after[item.key]
                if item.key in after
                else connection.get(ref_of(connection, item.key))
            )
            planned = _undone(item, live)
            items.append(planned)
            commands += _by_hand(item, planned, connection.context)
            after[item.key] = item.before if planned.action != "leave alone" else live
        items += [
            RollbackItem(action="relabel", key=label.key, reason=", ".join(sorted(label.before)))
            for label in reversed(labelled(each.journal))
        ]
    return items, commands


def _undone(item: ObjectHistory, live: Mapping[str, Any] | None) -> RollbackItem:
    finding = item.judge(live)
    if finding is ObjectState.AS_BEFORE:
        return RollbackItem(action="as before", key=item.key)
    sides = ("in the cluster", "after the rollback")
    diff = difference(live, item.before, name=str(item.key), labels=sides) if item.whole else ""
    if finding is ObjectState.MODIFIED_BY_OTHERS:
        return RollbackItem(
            action="leave alone", key=item.key, diff=diff, reason="changed by others meanwhile"
        )
    if item.before is None:
        return RollbackItem(action="delete", key=item.key, diff=diff)
    return RollbackItem(action="put back" if live else "make again", key=item.key, diff=diff)


def _by_hand(item: ObjectHistory, planned: RollbackItem, context: str) -> list[KubectlCommand]:
    if not item.whole:
        return []
    if planned.action == "delete":
        return delete_by_name([item.key], context)
    if planned.action in ("put back", "make again") and item.before is not None:
        return [put_back_command(item.before, context, exists=planned.action == "put back")]
    return []


# -- by files


def _by_file(
    connection: Connection, manifest: Manifest, modified: bool
) -> tuple[RollbackItem, Manifest]:
    key = key_of(manifest.body)
    check_allowed(key.namespace)
    live = connection.get(ref_of(connection, key))
    if live is None:
        return RollbackItem(action="absent", key=key), manifest
    wanted = bare(manifest.body)
    if modified or _is_as_filed(wanted, live):
        return RollbackItem(action="delete", key=key), manifest
    sides = (f"as {manifest.at} says", "in the cluster")
    return (
        RollbackItem(
            action="leave alone",
            key=key,
            diff=difference(wanted, live, name=str(key), labels=sides),
            reason="it is not what its file says; --modified deletes it all the same",
        ),
        manifest,
    )


def _is_as_filed(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether a policy says what its file says; others may have added labels and annotations."""
    asked, found = (obj["metadata"] for obj in (wanted, live))
    parts = [(asked.get(p) or {}, found.get(p) or {}) for p in ("labels", "annotations")]
    added_to = all(mine.items() <= theirs.items() for mine, theirs in parts)
    return added_to and says_the_same(wanted.get("spec"), live.get("spec"))
