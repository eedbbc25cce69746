"""
`npol rollback STORY`: undo what a story has applied and left.

Where npol applied it (`npol run --leave`), its journal knows what there was before, and that
comes back. Where somebody else did, the story's files say what to delete, and a policy that
is not what its file says is left alone unless asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npol.changes.begin import TransactionOptions
from npol.changes.journal.configmaps import ClusterCopy
from npol.changes.journal.find_journals import OpenRun, find
from npol.changes.journal.local_file import LocalFile
from npol.changes.journal_types import Key
from npol.changes.recover.recovery import recover
from npol.changes.rollback.rollback_plan import (
    ROLLBACK,
    RollbackPlan,
    is_rollback,
    left_by,
    plan_rollback,
    story_id,
)
from npol.changes.transaction import Transaction
from npol.errors import NpolError
from npol.kube.connection import Connection
from npol.kube.signals import Stop
from npol.model.result import RestoreResult
from npol.model.story import Story

__all__ = ["RollbackPlan", "plan_rollback", "rollback", "story_id"]


def rollback(
    connection: Connection,
    story: Story,
    *,
    run_id: str,
    modified: bool = False,
    allow_gitops: bool = False,
    stop: Stop | None = None,
    state_directory: Path | None = None,
) -> RestoreResult:
    """
    Undo what a story has applied; verified by a fresh read, not yet by probes.

    A rollback by files that is interrupted stays where it is: run it again.

    Args:
        run_id: of this rollback, for its locks.
        modified: also delete policies that are not what their files say.
        allow_gitops: also delete what Argo CD, Flux and the like own.

    Raises:
        LockHeld: a run holds one of the namespaces.
        Refused: a journal cannot be trusted, or a namespace is protected.
    """
    found = left_by(connection, story, state_directory)
    if not found:
        return _delete_by_files(
            connection, story, run_id, modified, allow_gitops, stop or Stop(), state_directory
        )
    done: list[RestoreResult] = []
    for each in found:
        done += _undo_run(connection.fresh(), each.run, stop, state_directory)
        if not done[-1].complete:
            break  # what lies below it cannot be judged
    return RestoreResult(
        complete=all(d.complete for d in done),
        actions=tuple(a for d in done for a in d.actions),
        problems=tuple(p for d in done for p in d.problems),
        seconds=sum(d.seconds for d in done),
    )


def _undo_run(
    connection: Connection, run: OpenRun, stop: Stop | None, directory: Path | None
) -> list[RestoreResult]:
    results = []
    for each in recover(
        connection, run_id=run.run_id, with_left=True, stop=stop, state_directory=directory
    ):
        blocked = RestoreResult(complete=False, problems=(each.skipped,))
        results.append(each.result or blocked)
    return results


def _delete_by_files(
    connection: Connection,
    story: Story,
    run_id: str,
    modified: bool,
    allow_gitops: bool,
    stop: Stop,
    directory: Path | None,
) -> RestoreResult:
    plan = plan_rollback(connection, story, modified=modified, state_directory=directory)
    if not _to_delete(plan):
        _forget_interrupted(connection, story, directory)
        return RestoreResult(complete=not plan.problems, problems=plan.problems)
    changed = [item.key for item in plan.items if item.action != "absent"]
    transaction = Transaction.open(
        connection,
        TransactionOptions(
            run_id=run_id,
            namespaces=sorted({key.namespace for key in changed if key.namespace}),
            other_policies=[k for k in changed if k.is_policy and not k.is_network_policy],
            story=story_id(story),
            allow_left_changes=True,
            allow_gitops=allow_gitops,
            state_directory=directory,
        ),
        stop=stop,
    )
    try:
        transaction.leave((ROLLBACK,))  # from here on nobody brings the policies back
        plan = plan_rollback(connection, story, modified=modified, state_directory=directory)
        result = _delete(transaction, plan)
        transaction.commit()
    finally:
        transaction.close()
    _forget_interrupted(connection, story, directory)
    return result


def _to_delete(plan: RollbackPlan) -> list[Key]:
    return [item.key for item in plan.items if item.action == "delete"]


def _delete(transaction: Transaction, plan: RollbackPlan) -> RestoreResult:
    actions, problems = [], list(plan.problems)
    for key in _to_delete(plan):
        try:
            transaction.delete(_body(key))
            actions.append(f"deleted {key}")
        except NpolError as error:
            problems.append(f"{key}: {error}")
    return RestoreResult(complete=not problems, actions=tuple(actions), problems=tuple(problems))


def _body(key: Key) -> dict[str, Any]:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}


def _forget_interrupted(connection: Connection, story: Story, directory: Path | None) -> None:
    """Journals of rollbacks that were interrupted: this one has finished their work."""
    for found in find(connection, directory):
        if found.run.left and is_rollback(found) and found.header.story == story_id(story):
            ClusterCopy(connection, found.run.run_id, found.chunks).remove()
            local = LocalFile.reopen(found.run.run_id, directory)
            if local is not None:
                local.remove()
                local.close()
