"""
Everything that a run does to a cluster, and the way back.

    journal begun -> Leases -> snapshot -> (intent -> write -> done)* -> restore
    -> verified by a fresh read -> pods, Leases and journal gone

Any of these may be the last thing that this process does: the watchdog, or `npol recover`
from any machine, goes on from the journal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from npol.changes.apply.change_session import ChangeSession
from npol.changes.apply.checkpoints import Checkpoints
from npol.changes.apply.policies import Policies, Preview
from npol.changes.apply.setup_objects import SetupObjects
from npol.changes.apply.workloads import Workloads
from npol.changes.begin import FirstLook, TransactionOptions, TransactionStart
from npol.changes.journal_types import Key, Left
from npol.changes.lock.lock import Lock
from npol.changes.restore.cleanup import conclude, conclude_left, recover_command
from npol.changes.restore.restore import Restoration, restore
from npol.changes.state.scale_history import scaled
from npol.changes.state.snapshot import key_of, take_known
from npol.changes.watchdog import Watchdog
from npol.errors import NpolError, RestoreIncomplete
from npol.kube.connection import Connection
from npol.kube.objects import Object, Ref, resource_for
from npol.kube.signals import Stop, Stopped
from npol.model.change import Manifest, WorkloadRef
from npol.model.inventory import Inventory
from npol.model.result import RestoreResult

Body = Mapping[str, Any] | Manifest
"""An object as JSON, or the manifest that holds it."""


class Transaction:
    """
    One run's hold on some namespaces; made by `open`, ended by `close`.

    Only the process that opened it restores; a fork of it never does. What changes the
    cluster raises Refused (nothing was changed), ChangedByOthers (a Refused: the object is
    not what the run knows), LockHeld (the namespace was taken away; restore), or ApiError.
    """

    def __init__(self, session: ChangeSession, lock: Lock, watchdog: Watchdog | None) -> None:
        self._session = session
        self._lock = lock
        self._watchdog = watchdog
        self._policies = Policies(session)
        self._given = SetupObjects(session)
        self._workloads = Workloads(session)
        self._marks = Checkpoints(self._policies, self._given, self._workloads)
        self._pid = os.getpid()
        self._restoration: Restoration | None = None
        self._left = self._committed = False
        self._closed = False
        self.notes: tuple[str, ...] = ()
        """What a reader should know of the end, once it is closed."""

    @classmethod
    def open(
        cls,
        connection: Connection,
        options: TransactionOptions,
        *,
        stop: Stop | None = None,
        seen: FirstLook | None = None,
    ) -> Transaction:
        """
        Take hold of namespaces: journal, locks, snapshot, watchdog.

        Args:
            stop: the signals of this process; entered by the caller.
            seen: what was looked at a moment ago (`first_look`); None: it is looked at now.

        Raises:
            Refused: a namespace is protected, missing, or being deleted; another run has left
                changes in it; the journal cannot be written.
            LockHeld: another run holds a namespace.
        """
        stop = stop or Stop()
        transaction = None
        try:
            with stop.shield():
                started = TransactionStart(connection, options, stop).open(seen)
                session = ChangeSession(
                    connection=connection,
                    writer=started.writer,
                    run_id=options.run_id,
                    stop=stop,
                    check_lock=started.lock.check,
                    replace=options.replace,
                    allow_gitops=options.allow_gitops,
                )
                transaction = cls(session, started.lock, started.watchdog)
        except Stopped:
            if transaction is not None:
                transaction.close()
            raise
        return transaction

    # -- while the run goes on

    def lease(self, namespace: str) -> Object:
        """The owner reference that makes a debug pod end with this run."""
        self._lock.check(namespace)
        return self._lock.owner_reference(namespace)

    @property
    def journal(self) -> Object:
        """The owner reference that makes a pod in the state namespace end with this run."""
        return self._session.writer.owner_reference

    def create(self, manifest: Body) -> Object:
        """An object of `given`, deleted at the end; one that exists is returned as it is."""
        (made,) = self.create_all([manifest])
        return made

    def create_all(self, *groups: Sequence[Body]) -> list[Object]:
        """The same for several objects, group by group: those of one do not need each other."""
        bodies = [[_body(manifest) for manifest in group] for group in groups]
        every = [body for group in bodies for body in group]
        if any(key_of(body).is_policy for body in every):
            return [self._policies.create(body) for body in every]
        return self._given.create(bodies, self._lock_made)

    def _lock_made(self, made: Sequence[Object]) -> None:
        """The namespaces among what was made are ours from now on."""
        spaces = [obj for obj in made if obj["kind"] == "Namespace" and self._session.is_ours(obj)]
        if spaces:
            with self._session.stop.shield():
                self._lock.acquire_made({obj["metadata"]["name"] for obj in spaces})

    def apply(self, body: Body, *, replace: bool = False) -> str:
        """
        A policy, or an object that this run made: `created`, `replaced`, `unchanged`.

        A policy that was there before the run needs `replace`, and comes back at the end.
        """
        (done,) = self.apply_all([body], replace=replace)
        return done

    def apply_all(self, bodies: Sequence[Body], *, replace: bool = False) -> list[str]:
        """As `apply`; policies side by side, and none is sent unless all of them may be."""
        objects = [_body(body) for body in bodies]
        if _are_policies(objects):
            return self._policies.apply(objects, replace=replace)
        return [
            self._policies.apply([obj], replace=replace)[0]
            if key_of(obj).is_policy
            else self._given.apply(obj)
            for obj in objects
        ]

    def try_ahead(self, bodies: Sequence[Body]) -> None:
        """Dry runs of policies that will be applied soon; refusals are said only then."""
        self._policies.try_ahead([_body(body) for body in bodies])

    def intend_ahead(self, bodies: Sequence[Body], *, replace: bool = False) -> None:
        """Write down what `apply_all` of policies will be asked for next."""
        objects = [_body(body) for body in bodies]
        if _are_policies(objects):
            self._policies.intend_ahead(objects, replace=replace)

    def delete(self, body: Body | Ref) -> str:
        """
        A policy, or an object that this run made: `deleted`, `absent`.

        A policy that was there before the run comes back at the end.
        """
        (done,) = self.delete_all([body])
        return done

    def delete_all(self, bodies: Sequence[Body | Ref]) -> list[str]:
        """As `delete`; policies side by side."""
        objects = [_named(body) if isinstance(body, Ref) else _body(body) for body in bodies]
        if _are_policies(objects):
            return self._policies.delete(objects)
        return [
            self._policies.delete([obj])[0] if key_of(obj).is_policy else self._given.delete(obj)
            for obj in objects
        ]

    def label(self, kind: str, namespace: str, name: str, set: Mapping[str, str | None]) -> None:
        """Labels of a `pod` or a `namespace`; None takes one away. They come back."""
        resource = resource_for("v1", kind.capitalize())
        place = namespace if resource.namespaced else ""
        self._given.label(Ref(resource, place, name), set)

    def scale(self, workload: WorkloadRef, replicas: int, *, within: float) -> int:
        """Another number of replicas, Ready; they come back. How many there were."""
        return self._workloads.scale(workload, replicas, within=within)

    def wait_until_back(self, *, within: float) -> None:
        """
        After a restore: the replicas of workloads that were scaled are Ready again.

        Raises:
            Refused: they are not in time.
        """
        items = scaled(self._session.writer.journal)
        self._workloads.wait_until_back(items, within=within)

    def restart(self, workload: WorkloadRef, *, within: float) -> int:
        """All pods evicted, and their successors Ready; how many there were."""
        return self._workloads.restart(workload, within=within)

    def mark(self, step_name: str) -> None:
        """Remember the state at the end of a step."""
        self._marks.mark(step_name)

    def restore_to(self, step_name: str) -> list[str]:
        """Policies, labels and replicas as at the end of a step; what was done, one line each."""
        return self._marks.restore_to(step_name)

    def preview(self, body: Body, *, delete: bool = False, replace: bool = False) -> Preview:
        """What `apply` or `delete` would do to a policy, with a diff; changes nothing."""
        obj = _body(body)
        if delete:
            return self._policies.preview_delete(obj)
        return self._policies.preview_apply(obj, replace=replace)

    def see(self, policies: Mapping[Key, Mapping[str, Any] | None]) -> None:
        """What was just read of policies, all there is of their namespaces: None is none."""
        self._session.seen = {k: None if p is None else dict(p) for k, p in policies.items()}

    def written(self) -> Mapping[Key, Mapping[str, Any] | None]:
        """The NetworkPolicies that this run changed, as it left them; None: it deleted them."""
        return self._session.written()

    def changed_by_others(self, seen: Inventory | None = None) -> list[str]:
        """
        What in the namespaces is not as this run knows it; empty: the step's verdict counts.

        Policies, with a diff, the labels of the namespaces, and replicas, one text each. `seen`:
        what was just read of the first two; None: they are read.
        """
        journal = self._session.writer.journal
        now = take_known(self._session.connection, journal, seen=seen)
        keys = dict.fromkeys((*journal.seen, *now.policies, *(r.key for r in journal.history)))
        policies = [key for key in keys if key.is_policy]
        found = [self._session.modified_by_others(key, now.policies.get(key)) for key in policies]
        found += [
            self._session.namespace_modified_by_others(place) for place in now.places.values()
        ]
        found += [self._workloads.modified_by_others(one) for one in scaled(journal)]
        found += [f"the lock of {name} was lost: {how}" for name, how in self._lock.lost.items()]
        return [text for text in found if text]

    # -- the end

    def restore(self, *, deadline: float = 60.0, to: str = "") -> RestoreResult:
        """
        Everything back as it was, in reverse order, verified by a fresh read; never raises.

        What others have changed is left alone and named.

        Args:
            deadline: seconds from now.
            to: the name of a mark: everything as it was there, and no further. What was
                created before it stays, so that the flows can be asked once more; then call
                it again without.
        """
        session = self._session
        since = self._marks.number(to) if to else 0
        with session.stop.restoring():
            done = restore(
                session.connection,
                session.writer,
                stop=session.stop,
                within=deadline,
                since=since,
            )
        if not to:
            self._restoration = done
        return done.result

    def leave(self, steps: Sequence[str] = ()) -> None:
        """Let the changes stay: the journal keeps the way back for `npol rollback`."""
        with self._session.stop.shield():
            self._session.writer.write(Left(steps=tuple(steps)))
            self._left = True

    def commit(self) -> None:
        """Let the changes stay for good: the journal goes with `close`, and the way back."""
        self._left = self._committed = True

    def close(self) -> None:
        """
        Pods, locks, journal and watchdog go; restores first, if nobody has.

        Raises:
            RestoreIncomplete: something is still to be done: `npol recover`.
        """
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        if self._restoration is None and not self._left:
            self.restore()
        with self._session.stop.restoring():
            try:
                self._conclude()
            except NpolError as error:
                raise self._incomplete([f"locks, pods and journal: {error}"]) from error
            finally:
                self._lock.stop()
                self._session.writer.close()
                if self._watchdog is not None:
                    self._watchdog.dismiss()

    def _conclude(self) -> None:
        session, lock = self._session, self._lock
        if self._restoration is None:
            pods = conclude_left(session.connection, session.writer, lock, session.run_id)
            self.notes = pods.forced
            if self._committed:
                session.writer.remove()
            return
        done = conclude(session.connection, session.writer, lock, session.run_id, self._restoration)
        self.notes = done.notes
        if not done.complete:
            raise self._incomplete(done.result.problems)

    def _incomplete(self, problems: Sequence[str]) -> RestoreIncomplete:
        return RestoreIncomplete(
            "the cluster is not as it was found: " + "; ".join(problems),
            hint=recover_command(self._session.run_id, self._session.connection),
        )


def _body(body: Body) -> Mapping[str, Any]:
    return body.body if isinstance(body, Manifest) else body


def _are_policies(objects: Sequence[Mapping[str, Any]]) -> bool:
    """Whether none needs another: all are policies, and no two are the same."""
    keys = {key_of(obj) for obj in objects}
    return len(keys) == len(objects) and all(key.is_policy for key in keys)


def _named(ref: Ref) -> Object:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    resource = ref.resource
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
