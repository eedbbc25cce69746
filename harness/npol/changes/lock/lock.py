"""
One run per namespace: a Lease named `npol`, made by its holder and deleted by it.

Creating it is the lock, for only one creation can succeed. A thread renews it. Whether a
holder still lives is judged by watching renewals, never by comparing the clocks of two
machines. A Lease cannot fence (client-go says so, too): every write also names the version
it changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from npol.changes import writes
from npol.changes.failpoints import around
from npol.changes.lock.holder import myself
from npol.changes.lock.leases import (
    DURATION,
    HOLDER,
    NAME,
    RENEWALS,
    describe,
    held_by,
    holder_of,
    new_lease,
    ref,
    spell_place,
    stamp,
    steady,
)
from npol.errors import LockHeld, NpolError
from npol.kube.api_client import LISTS_AT_ONCE
from npol.kube.api_errors import ApiError, LostReply
from npol.kube.connection import Connection
from npol.kube.objects import LEASES, Object


@dataclass(slots=True)
class _Held:
    lease: Object
    renewed: float


class Lock:
    """The Leases of one run. Its methods may be called from any thread."""

    def __init__(
        self,
        connection: Connection,
        run_id: str,
        *,
        duration: float = DURATION,
        now: Callable[[], float] = steady,
    ) -> None:
        self._connection = connection
        self._run_id = run_id
        self._duration = duration
        self._now = now
        self._nonce = uuid4().hex
        self._held: dict[str, _Held] = {}
        self._lost: dict[str, str] = {}
        self._mutex = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, namespaces: Iterable[str]) -> None:
        """
        Take all namespaces or none.

        Raises:
            LockHeld: another run holds one of them.
        """
        taken: list[str] = []
        try:
            for namespace in sorted(namespaces):  # one order for all runs: no deadlock
                self._take(namespace)
                taken.append(namespace)
        except BaseException:
            self._delete(taken)
            raise
        self.keep()

    def acquire_made(self, namespaces: Collection[str]) -> None:
        """
        Take namespaces that this run has just made, side by side: nobody waits for them yet.

        Raises:
            LockHeld: another run was faster; those that were taken are held.
        """
        with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
            list(pool.map(self._take, sorted(namespaces)))
        self.keep()

    def keep(self) -> None:
        """Renew from now on, in a thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="npol-lease", daemon=True)
            self._thread.start()

    def take_over(self, namespace: str, lease: Mapping[str, Any]) -> bool:
        """Become the holder of a Lease of our run, if it is still as it was read."""
        try:
            renewed = self._write(lease)
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        self._held[namespace] = renewed
        return True

    def owner_reference(self, namespace: str) -> Object:
        """What makes an object end with our Lease: the garbage collector takes it."""
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "name": NAME,
            "uid": self._held[namespace].lease["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def check(self, namespace: str) -> None:
        """
        Raises:
            LockHeld: the namespace is not ours, or not any more.
        """
        if self._overdue(namespace):
            self._check_overdue(namespace)
        if namespace in self._lost:
            raise LockHeld(
                f"the lock of {spell_place(namespace)} was lost: {self._lost[namespace]}",
                hint="nothing more is changed; what this run changed is put back",
            )
        if namespace not in self._held:
            raise LockHeld(f"{spell_place(namespace)}: not locked by this run")

    def _check_overdue(self, namespace: str) -> None:
        """We were stopped or cut off: is it still ours?"""
        with self._mutex:
            if self._overdue(namespace):
                self._renew(namespace)
            if self._overdue(namespace):
                self._lost.setdefault(namespace, "its Lease could not be renewed in time")

    @property
    def lost(self) -> Mapping[str, str]:
        """Namespace -> how its lock was lost."""
        return dict(self._lost)

    @property
    def namespaces(self) -> list[str]:
        return sorted(self._held)

    def release(self, *, gone: Collection[str] = ()) -> None:
        """
        Delete our Leases, unless somebody else has taken them; `gone`: namespaces that are not
        there any more, and our Leases with them.
        """
        self.stop()
        self._delete([namespace for namespace in self.namespaces if namespace not in gone])

    def stop(self) -> None:
        """End the renewals; the Leases stay and go stale."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._duration)  # it may be waiting for a server that is down
            self._thread = None

    def _delete(self, namespaces: Iterable[str]) -> None:
        with self._mutex:  # none of them is being renewed
            held = {namespace: self._held.pop(namespace) for namespace in namespaces}
        with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
            list(pool.map(self._delete_one, held, held.values()))

    def _delete_one(self, namespace: str, held: _Held) -> None:
        lease: Object | None = held.lease
        while lease is not None and not self._deleted(namespace, lease):
            lease = self._connection.get(ref(namespace))
            if lease is not None and not self._is_mine(lease):
                break

    def _deleted(self, namespace: str, lease: Mapping[str, Any]) -> bool:
        metadata = lease["metadata"]
        version = metadata["resourceVersion"]  # a Lease that was taken over is not ours
        try:
            with around("lease.delete"):
                self._connection.delete(
                    ref(namespace), uid=metadata["uid"], resource_version=version
                )
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True

    # -- taking and renewing

    def _take(self, namespace: str) -> None:
        began = self._now()
        body = new_lease(
            namespace,
            run_id=self._run_id,
            nonce=self._nonce,
            duration=self._duration,
            identity=myself(),
        )
        try:
            with around("lease.create"):
                lease = writes.create(self._connection, body, self._is_mine)
        except ApiError as error:
            if error.status != 409:
                raise
            raise held_by(self._connection, namespace) from None
        self._held[namespace] = _Held(lease, began)

    def _keep(self) -> None:
        while not self._ended.wait(self._duration / RENEWALS):
            for namespace in list(self._held):
                with self._mutex:
                    if not self._ended.is_set():
                        self._renew(namespace)

    def _renew(self, namespace: str) -> None:
        held = self._held.get(namespace)
        if held is None or namespace in self._lost:
            return
        try:
            self._held[namespace] = self._written(namespace, held)
        except NpolError:
            return  # not now: `check` decides by the time since the last renewal

    def _written(self, namespace: str, held: _Held) -> _Held:
        began = self._now()
        try:
            return self._write(held.lease)
        except ApiError as error:
            if error.status not in (404, 409) and not isinstance(error, LostReply):
                raise
        found = self._connection.get(ref(namespace))
        if found is None:
            self._lost[namespace] = "its Lease was deleted"
        elif not self._is_mine(found):
            self._lost[namespace] = f"its Lease is now {describe(found)}"
        else:  # our write had arrived, only its reply was lost
            return _Held(found, began)
        return held

    def _overdue(self, namespace: str) -> bool:
        held = self._held.get(namespace)
        return held is not None and self._now() - held.renewed > self._duration

    def _write(self, lease: Mapping[str, Any]) -> _Held:
        began = self._now()
        metadata, spec = lease["metadata"], lease.get("spec") or {}
        annotations = {**(metadata.get("annotations") or {}), HOLDER: self._nonce}
        body = {
            **lease,
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {**metadata, "annotations": annotations},
            "spec": {**spec, "renewTime": stamp()},
        }
        with around("lease.renew"):
            return _Held(self._connection.replace(body), began)

    def _is_mine(self, lease: Mapping[str, Any]) -> bool:
        annotations = lease["metadata"].get("annotations") or {}
        return holder_of(lease) == self._run_id and annotations.get(HOLDER) == self._nonce
