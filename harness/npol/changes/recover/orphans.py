"""
Runs whose journal is gone, in the cluster and on this machine: only their locks are left.

Without a journal nobody knows what there was before, so nothing is restored blindly: what
carries the run's mark is listed, and the locks stay until nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from npol.changes.journal.find_journals import OpenRun
from npol.changes.journal_types import CLUSTER
from npol.changes.lock.leases import holder_of, ref, watch_renewals
from npol.changes.restore.cleanup import let_go
from npol.changes.restore.debug_pods import DeletionResult
from npol.changes.restore.restore import Restoration
from npol.changes.restore.verify import RestoreProblem
from npol.changes.state.compare import run_of
from npol.kube.connection import Connection
from npol.kube.guard import protected
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, Object


def locks_of(connection: Connection, run_id: str) -> dict[str, Object]:
    """Namespace -> Lease, wherever the run holds one."""
    names = [obj["metadata"]["name"] for obj in connection.list(NAMESPACES)]
    own = [name for name in names if not protected(name)]
    leases = {name: connection.get(ref(name)) for name in (*own, CLUSTER)}
    return {name: le for name, le in leases.items() if le and holder_of(le) == run_id}


def run_of_locks(run_id: str, locks: Mapping[str, Object]) -> OpenRun:
    """What its Leases tell of a run."""
    lease = next(iter(locks.values()))
    known = lease["metadata"].get("annotations") or {}
    pid = str(known.get("npol.dev/pid", ""))
    return OpenRun(
        run_id=run_id,
        story="",
        started=str(lease["spec"].get("acquireTime", "")),
        host=str(known.get("npol.dev/host", "an unknown host")),
        pid=int(pid) if pid.isdigit() else 0,
        user=str(known.get("npol.dev/user", "somebody")),
        namespaces=tuple(locks),
        left=False,
        local=False,
        damage="its journal is gone",
    )


def alive(
    connection: Connection, locks: Mapping[str, Object], sleep: Callable[[float], None]
) -> bool:
    return watch_renewals(connection, locks, sleep=sleep)


def release(connection: Connection, run_id: str, locks: Mapping[str, Object]) -> Restoration:
    """Locks and debug pods go, if no policy carries the run's mark any more."""
    pods = DeletionResult()
    problems = [
        RestoreProblem(text=_marked(connection, policy), ours=True)
        for namespace in locks
        for policy in connection.list(NETWORK_POLICIES, namespace)
        if run_of(policy) == run_id
    ]
    if not problems:
        pods = let_go(connection, run_id, locks)
        problems = [RestoreProblem(text=text, ours=True) for text in pods.terminating]
    done = Restoration(actions=(), problems=tuple(problems), seconds=0.0)
    return done.with_notes(pods.forced)


def _marked(connection: Connection, policy: Object) -> str:
    name, namespace = policy["metadata"]["name"], policy["metadata"]["namespace"]
    return (
        f"NetworkPolicy {namespace}/{name} was written by this run, whose journal is gone: look "
        f"what should be there, then put it right by hand, or kubectl --context "
        f"{connection.context} -n {namespace} delete networkpolicy {name}"
    )
