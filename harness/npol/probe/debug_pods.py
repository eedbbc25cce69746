"""Makes debug pods, all at once, waits until they run, and deletes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from npol.errors import NpolError, Refused
from npol.kube.api_errors import ApiError
from npol.kube.connection import Connection
from npol.kube.objects import DISRUPTION_BUDGETS, PODS, Ref
from npol.kube.pod_user import create
from npol.model.inventory import Inventory, Obj
from npol.probe.debug_pod_manifest import MANAGED_BY, PEER, RUN
from npol.probe.pod_startup import runs
from npol.probe.side_effects import disturbances, objections
from npol.probe.start_watch import StartWatch

log = logging.getLogger(__name__)

READY_WITHIN = 180.0
"""Seconds in which debug pods must run, where nothing else is said."""
HINT = (
    "`defaults.pod` sets image, pull secrets, resources, tolerations and user; "
    "--start-within SECONDS waits longer"
)
GONE_WITHIN = 60.0
POLL, SLOWER, SLOWEST_POLL = 0.2, 1.1, 1.0
"""Seconds; each pause is longer than the one before: about a tenth of the time waited already."""
AT_ONCE = 8
"""Requests under way at once."""
OURS = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
INSTEAD = "ask from the running pod instead: workload: deployment/NAME"


class DebugPods:
    """The debug pods of one run."""

    def __init__(
        self,
        connection: Connection,
        run_id: str,
        *,
        look: Callable[[], Inventory],
        within: float = READY_WITHIN,
        leave_user: bool = False,
        hint: str = HINT,
        say: Callable[[str], None] = lambda text: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            look: the objects of the namespaces in question, now.
            within: seconds in which they must run.
            leave_user: whether they may do without the uid that they name.
            hint: what to try where one does not run.
            say: told how many run while they start, and what the others wait for.
        """
        self._connection = connection
        self._watch = StartWatch(connection, within=within, hint=hint, say=say)
        self._run_id = run_id
        self.look = look
        self._leave_user = leave_user
        self._now = now
        self._sleep = sleep
        self._manifests: dict[str, Obj] = {}
        self._made: dict[str, Obj] = {}
        self._revived: set[str] = set()

    def start(
        self,
        manifests: Mapping[str, Obj],
        before: Inventory,
        *,
        failed: dict[str, Refused] | None = None,
        then: Callable[[Mapping[str, Obj]], object] = lambda running: None,
    ) -> dict[str, Obj]:
        """
        The running pods, by the name of their peer.

        Args:
            failed: takes up why a pod does not run; None: that is a reason against all.
            then: what is done with them while it is looked whether they disturb somebody.

        Raises:
            Refused: a pod may not be made, does not start, or disturbs somebody.
        """
        for name, manifest in manifests.items():
            for objection in objections(manifest, before):
                raise Refused(f"no debug pod for peer {name!r}: {objection}", hint=INSTEAD)
        self._create(manifests)
        pods = self._wait_until_running(list(manifests), failed)
        running = list(pods.values())
        sent = [manifests[name] for name in pods]
        with ThreadPoolExecutor(max_workers=1) as pool:
            after = pool.submit(self.look)
            then(pods)
        for disturbance in disturbances(sent, running, before, after.result()):
            raise Refused(
                f"Debug pods removed: one affected other workloads: {disturbance}", hint=INSTEAD
            )
        return pods

    def revive(self, name: str) -> Obj:
        """
        The peer's pod as it is now; once it is made anew, if it was evicted or deleted.

        Raises:
            Refused: it was made anew before, or it does not run again.
        """
        pod = self._find(name)
        if pod and runs(pod):
            return pod
        if self._made[name]["kind"] == "Pod":
            if name in self._revived:
                raise Refused(f"the debug pod of peer {name!r} is gone for the second time")
            self._revived.add(name)
            self._delete(self._made[name])
            self._create({name: _successor(self._manifests[name])})
        return self._wait_until_running([name])[name]

    def retire(self, names: Iterable[str]) -> None:
        """Delete the pods of these peers, if there are any: others come in their place."""
        for name in names:
            if name in self._made:
                self._delete(self._made[name])

    def address(self, name: str) -> str:
        """Of the pod that is being started for a peer; "" before the API shows it."""
        if name not in self._made:
            return ""
        with suppress(NpolError):
            pod = self._find(name)
            return str(((pod or {}).get("status") or {}).get("podIP", ""))
        return ""

    def delete(self, within: float = GONE_WITHIN) -> tuple[str, ...]:
        """
        Delete them and wait until they are gone; says what stayed, and why.

        What stayed is tried again by the next call. `within`: seconds to wait for.
        """
        made = list(self._made.values())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            problems = [p for p in pool.map(self._delete, made) if p]
        stayed = (*problems, *self._wait_until_gone(made, within))
        if not stayed:
            self._made = {}
        return stayed

    def _create(self, manifests: Mapping[str, Obj]) -> None:
        """Remembered before they are sent: a reply may be lost."""
        self._manifests.update(manifests)
        self._made.update(manifests)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            made = pool.map(self._new, manifests.values())
            for name, obj in zip(manifests, made, strict=True):
                self._made[name] = obj

    def _new(self, manifest: Obj) -> Obj:
        return create(self._connection, manifest, leave_user=self._leave_user)

    def _wait_until_running(
        self, names: Sequence[str], failed: dict[str, Refused] | None = None
    ) -> dict[str, Obj]:
        began, pause = self._now(), POLL
        lost: dict[str, Refused] = {} if failed is None else failed
        running: dict[str, Obj] = {}
        while True:
            missing = [name for name in names if name not in running and name not in lost]
            looked = self._now()
            found = self._found(missing)
            running |= {name: pod for name, pod in found.items() if pod and runs(pod)}
            for name in (name for name in missing if name not in running):
                if why := self._watch.despair(name, found[name], self._now() - began):
                    lost[name] = why
            if lost and failed is None:
                raise next(iter(lost.values()))
            missing = [name for name in missing if name not in running and name not in lost]
            if not missing:
                return running
            self._watch.tell(running, names, {name: found[name] for name in missing})
            peers, seconds = ", ".join(missing), self._now() - began
            log.info("waiting for the debug pods of %s to run, for %.1f s now", peers, seconds)
            self._sleep(max(0.0, looked + pause - self._now()))
            pause = min(SLOWEST_POLL, pause * SLOWER)

    def budgets(self, namespaces: Collection[str]) -> Sequence[Obj]:
        """The disruption budgets there, as far as they may be read (`concerns`)."""
        with suppress(NpolError):
            return self._connection.list_in(DISRUPTION_BUDGETS, namespaces)
        return []

    def _found(self, names: Sequence[str]) -> dict[str, Obj | None]:
        """The pod of each of these peers: lists tell of many."""
        where = {name: self._made[name]["metadata"]["namespace"] for name in names}
        listed: dict[tuple[str, str], Obj] = {}
        if len(names) > 1:
            found = self._connection.list_in(PODS, where.values(), selector=OURS)
            listed = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in found}
        pods = {n: listed.get((where[n], self._made[n]["metadata"]["name"])) for n in names}
        single = [name for name, pod in pods.items() if pod is None]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return pods | dict(zip(single, pool.map(self._find, single), strict=True))

    def _find(self, name: str) -> Obj | None:
        """The pod of what was made: itself, or the one that a Deployment made."""
        made = self._made[name]
        metadata = made["metadata"]
        if made["kind"] == "Pod":
            return self._connection.get(Ref(PODS, metadata["namespace"], metadata["name"]))
        selector = f"{PEER}={metadata['name']}"
        pods = self._connection.list(PODS, metadata["namespace"], selector=selector)
        return next(iter(pods), None)

    def _delete(self, made: Obj) -> str:
        """Only what is ours: by uid, or after a look at what has its name."""
        ref = self._connection.ref_of(made)
        try:
            uid = made["metadata"].get("uid") or self._own_uid(ref)
            if uid:
                self._connection.delete(ref, uid=uid)
        except NpolError as error:
            if isinstance(error, ApiError) and error.status == 409:
                return ""  # ours is gone, and another one has its name
            return f"{ref} was not deleted: {error.message}"
        return ""

    def _own_uid(self, ref: Ref) -> str:
        live = self._connection.get(ref)
        return str(live["metadata"]["uid"]) if live and self._is_ours(live) else ""

    def _wait_until_gone(self, made: Iterable[Obj], within: float) -> Iterable[str]:
        deadline, pause = self._now() + within, POLL
        namespaces = sorted({obj["metadata"]["namespace"] for obj in made})
        while True:
            self._sleep(min(pause, max(0.0, deadline - self._now())))
            pause = min(SLOWEST_POLL, pause * SLOWER)
            try:
                left = self._left(namespaces)
            except NpolError as error:
                return [f"whether the debug pods are gone cannot be read: {error.message}"]
            if not left:
                return []
            if self._now() >= deadline:
                return [f"still there: {', '.join(left)}"]
            names, seconds = ", ".join(left), deadline - self._now()
            log.info("waiting for %s to be gone, %.0f s left", names, seconds)

    def _left(self, namespaces: Collection[str]) -> list[str]:
        pods = filter(self._is_ours, self._connection.list_in(PODS, namespaces))
        return [f"pod {p['metadata']['namespace']}/{p['metadata']['name']}" for p in pods]

    def _is_ours(self, obj: Obj) -> bool:
        """Whether it was made here; pods of `given`, and the canary's, carry the run's id, too."""
        annotations = obj["metadata"].get("annotations") or {}
        return annotations.get(RUN) == self._run_id and annotations.get(PEER) in self._peers

    @property
    def _peers(self) -> set[str]:
        return {m["metadata"]["annotations"][PEER] for m in self._manifests.values()}


def _successor(manifest: Obj) -> Obj:
    """The same under another name: the old one may not be gone yet."""
    metadata = manifest["metadata"]
    stem, _, number = metadata["name"].rpartition("-")
    return {**manifest, "metadata": {**metadata, "name": f"{stem}-{int(number) + 1}"}}
