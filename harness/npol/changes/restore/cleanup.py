"""After a restore: pods, locks and journal go, as far as the restore got."""

from __future__ import annotations

from collections.abc import Mapping

from npol.changes.journal.writer import JournalWriter
from npol.changes.lock.lock import Lock
from npol.changes.restore.debug_pods import DeletionResult, delete_debug_pods
from npol.changes.restore.restore import Restoration
from npol.changes.restore.verify import RestoreProblem
from npol.kube.connection import Connection
from npol.kube.objects import Object

PODS_WITHIN = 15.0
"""Seconds that debug pods may take to be gone."""


def recover_command(run_id: str, connection: Connection) -> str:
    """What goes on with the restore of a run, from any machine that has the kubeconfig."""
    return f"npol recover {run_id} {connection.options}"


def conclude(
    connection: Connection, writer: JournalWriter, lock: Lock, run_id: str, done: Restoration
) -> Restoration:
    """
    After a restore: pods, locks and journal go as far as the restore got.

    The journal stays while anything differs; the locks stay while it is the run's doing, so
    that nobody takes a half restored namespace for a baseline.
    """
    pods = delete_debug_pods(connection, writer.journal.namespaces, run_id, within=PODS_WITHIN)
    done = done.with_problems(RestoreProblem(text=text, ours=True) for text in pods.terminating)
    done = done.with_notes(pods.forced)
    if not done.ours_left:
        lock.release(gone=done.gone)
    if done.complete:
        writer.remove()
    else:
        lock.stop()
        writer.flush()
    return done


def conclude_left(
    connection: Connection, writer: JournalWriter, lock: Lock, run_id: str
) -> DeletionResult:
    """After `leave`: pods and locks go, the journal stays for `npol rollback`."""
    pods = delete_debug_pods(connection, writer.journal.namespaces, run_id, within=PODS_WITHIN)
    lock.release()
    return pods


def let_go(connection: Connection, run_id: str, locks: Mapping[str, Object]) -> DeletionResult:
    """Debug pods and locks of a run that is dead."""
    pods = delete_debug_pods(connection, locks, run_id, within=PODS_WITHIN)
    lock = Lock(connection, run_id)
    for namespace, lease in locks.items():
        lock.take_over(namespace, lease)
    lock.release()
    return pods
