"""Running workloads: their pods evicted, or another number of them for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from npol.changes import writes
from npol.changes.apply.change_session import ChangedByOthers, ChangeSession
from npol.changes.failpoints import around
from npol.changes.journal_types import Action, Key
from npol.changes.restore.undo import ref_of
from npol.changes.state.field_owners import REPLICAS, SPEC, owners_of
from npol.changes.state.scale_history import Scaled, replicas_of, scaled
from npol.errors import Refused
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.kube.objects import AUTOSCALERS, PODS, REPLICA_SETS, Object
from npol.model.change import WorkloadRef
from npol.model.inventory import pod_ref

log = logging.getLogger(__name__)

POLL, SLOWEST_POLL = 0.02, 1.0
"""Seconds between two looks at a workload, at first and at last."""
TRIES = 10
"""Versions of a workload that may come between a read and its write."""
TOO_MANY = 429
"""What an eviction is answered while a PodDisruptionBudget forbids it."""


def key_of(workload: WorkloadRef) -> Key:
    return Key("apps/v1", workload.kind, workload.namespace, workload.name)


def autoscaler_of(connection: Connection, workload: WorkloadRef) -> str:
    """The name of the HorizontalPodAutoscaler that scales a workload; "" without one."""
    for one in connection.list(AUTOSCALERS, workload.namespace):
        target = one["spec"].get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) == (workload.kind, workload.name):
            return str(one["metadata"]["name"])
    return ""


@dataclass(frozen=True, slots=True)
class Workloads:
    """Changes workloads that are not the run's."""

    session: ChangeSession

    def scale(self, workload: WorkloadRef, replicas: int, *, within: float) -> int:
        """
        Set the replicas, and wait until so many are Ready; how many there were.

        Raises:
            ChangedByOthers: others have scaled it since the run did.
            Refused: there is no such workload, an autoscaler scales it, or GitOps owns it; or
                they are not Ready in time.
        """
        live = self._live(workload)
        self._check_scalable(workload, live)
        self._check_as_left(key_of(workload), live)
        before = replicas_of(live)
        if before != replicas:
            self._set(key_of(workload), live, replicas)
        self._wait(workload, within, lambda: self._has(workload, replicas))
        return before

    def put(self, item: Scaled, replicas: int) -> str:
        """
        The replicas as they were at an earlier step; "" if they are so, or it is gone.

        Raises:
            ChangedByOthers: others have scaled it since the run did.
        """
        live = self.session.connection.get(ref_of(self.session.connection, item.key))
        if live is None or not item.is_here(live):
            return ""
        self._check_as_left(item.key, live)
        if replicas_of(live) == replicas:
            return ""
        self._set(item.key, live, replicas)
        return f"scaled {item.key} to {replicas}"

    def preview_scale(self, workload: WorkloadRef, replicas: int) -> str:
        """
        What `scale` would do; changes nothing.

        Raises:
            Refused: an autoscaler scales it, or GitOps owns it.
        """
        live = self.session.connection.get(ref_of(self.session.connection, key_of(workload)))
        if live is None:
            return f"scale {workload} to {replicas}, once it is there"
        self._check_scalable(workload, live)
        return f"scale {workload} from {replicas_of(live)} to {replicas}"

    def wait_until_back(self, items: Sequence[Scaled], *, within: float) -> None:
        """
        Wait until as many pods as before the run are Ready, of workloads that were put back.

        Raises:
            Refused: they are not in time.
        """
        for item in items:
            workload = WorkloadRef(
                kind=item.key.kind, namespace=item.key.namespace, name=item.key.name
            )
            live = self.session.connection.get(ref_of(self.session.connection, item.key))
            if item.is_here(live):
                self._wait(workload, within, partial(self._is_back, workload, item.before))

    def _is_back(self, workload: WorkloadRef, replicas: int) -> bool:
        """Or nobody waits for it any more: a second signal came."""
        return self.session.stop.hurried or self._has(workload, replicas)

    def _check_scalable(self, workload: WorkloadRef, live: Object) -> None:
        """
        Raises:
            Refused: an autoscaler scales it, or GitOps owns it.
        """
        self.session.check_owner(live)
        if name := autoscaler_of(self.session.connection, workload):
            raise Refused(
                f"{workload} is scaled by HorizontalPodAutoscaler {name}, which would set its "
                "replicas anew",
                hint="scale another workload, or let the autoscaler rest meanwhile",
            )

    def _check_as_left(self, key: Key, live: Object) -> None:
        """
        Raises:
            ChangedByOthers: others have scaled it since the run did.
        """
        for item in scaled(self.session.writer.journal):
            same = item.key == key and item.is_here(live)
            if same and (remark := self._rescaled(item, live)):
                raise ChangedByOthers(f"{remark}, so it is left as it is")

    def modified_by_others(self, item: Scaled) -> str:
        """What others did to the replicas that this run set; "" for nothing."""
        live = self.session.connection.get(ref_of(self.session.connection, item.key))
        if live is None or not item.is_here(live):
            return f"{item.key} was deleted by others during the run"
        return self._rescaled(item, live)

    def _rescaled(self, item: Scaled, live: Object) -> str:
        """What others did to the replicas of a workload that is still the same; "" for nothing."""
        if item.is_ours(live) or self.session.sent_since(item.key, item.records[-1].number):
            return ""
        return (
            f"{item.key} was scaled to {replicas_of(live)} by others during the run; "
            f"npol had set {item.written[-1]}"
        )

    def restart(self, workload: WorkloadRef, *, within: float) -> int:
        """
        Evict all pods, and wait until as many others are Ready; how many there were.

        Raises:
            Refused: there is no such workload; a PodDisruptionBudget forbids it, or they are not
                Ready in time.
        """
        live = self._live(workload)
        doomed = {p["metadata"]["uid"]: p for p in self._pods(live) if not _leaves(p)}
        left = dict(doomed)

        def done() -> bool:
            for uid, pod in list(left.items()):
                if self._evicted(pod):
                    del left[uid]
            now = self._pods(live)
            fresh = [p for p in now if p["metadata"]["uid"] not in doomed and pod_ref(p).ready]
            stay = [p for p in now if p["metadata"]["uid"] in doomed and not _leaves(p)]
            return not left and not stay and len(fresh) >= len(doomed)

        self._wait(workload, within, done)
        return len(doomed)

    def _set(self, key: Key, live: Object, replicas: int) -> None:
        session = self.session
        session.check_place(key)
        with session.stop.shield():
            record = session.writer.intend(
                Action.SCALE,
                key,
                before={"replicas": replicas_of(live)},
                after={"replicas": replicas},
                uid=live["metadata"]["uid"],
                owners=tuple(owners_of(live, [REPLICAS], SPEC)),
            )
            with around("workload.scale"):
                self._send(key, live, replicas)
            session.done(record)

    def _send(self, key: Key, live: Object, replicas: int) -> None:
        """Its controller writes the same object, and makes new versions of it: they are read."""
        session, ref = self.session, ref_of(self.session.connection, key)
        before = replicas_of(live)
        for last in (*[False] * (TRIES - 1), True):
            send = partial(writes.set_replicas, session.connection, ref, live, replicas)
            try:
                session.sent(key, send)
                return
            except ChangedByOthers:
                found = session.connection.get(ref)
                same = found is not None and found["metadata"]["uid"] == live["metadata"]["uid"]
                if last or found is None or not same or replicas_of(found) != before:
                    raise
                live = found

    def _live(self, workload: WorkloadRef) -> Object:
        key = key_of(workload)
        self.session.check_place(key)
        live = self.session.connection.get(ref_of(self.session.connection, key))
        if live is None:
            raise Refused(f"there is no {workload}")
        return live

    def _pods(self, workload: Object) -> list[Object]:
        """The pods that the workload makes, by their controllers."""
        connection, place = self.session.connection, workload["metadata"]["namespace"]
        owners = {workload["metadata"]["uid"]}
        if workload["kind"] == "Deployment":
            sets = _controlled(connection.list(REPLICA_SETS, place), owners)
            owners = {one["metadata"]["uid"] for one in sets}
        return _controlled(connection.list(PODS, place), owners)

    def _evicted(self, pod: Object) -> bool:
        """False while a PodDisruptionBudget forbids it."""
        metadata = pod["metadata"]
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
        }
        path = PODS.path(metadata["namespace"], metadata["name"], "eviction")
        self.session.check_lock(metadata["namespace"])
        try:
            with around("workload.evict"):
                self.session.connection.raw("POST", path, body=body, repeatable=True)
        except ApiError as error:
            if error.status in (404, 409):  # it went by itself
                return True
            if error.status != TOO_MANY:
                raise
            log.info("pod %s is not evicted yet: %s", metadata["name"], error)
            return False
        return True

    def _has(self, workload: WorkloadRef, replicas: int) -> bool:
        live = self._live(workload)
        status = live.get("status") or {}
        current = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
        counts = (status.get("replicas", 0), status.get("readyReplicas", 0))
        return current and counts == (replicas, replicas)

    def _wait(self, workload: WorkloadRef, within: float, done: Callable[[], bool]) -> None:
        session = self.session
        until, pause = session.now() + within, POLL
        while not done():
            session.stop.check()
            if session.now() >= until:
                raise Refused(
                    f"{workload}: its pods are not ready after {within:g} s",
                    hint=f"kubectl -n {workload.namespace} describe pods; `defaults.pod."
                    "start_within` waits longer",
                )
            session.sleep(pause)
            pause = min(SLOWEST_POLL, 1.5 * pause)


def _controlled(objects: Sequence[Object], owners: set[str]) -> list[Object]:
    return [one for one in objects if _controller(one) in owners]


def _controller(obj: Mapping[str, Any]) -> str:
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((str(o["uid"]) for o in owners if o.get("controller")), "")


def _leaves(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
