"""One pod on its node, from its sandbox to its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from dataclasses import replace

from npol.api_rules.objects import Obj
from npol_lab.clock import timestamp
from npol_lab.families import numeric
from npol_lab.node.container import Container
from npol_lab.node.environment import PodFacts
from npol_lab.node.node_context import Host
from npol_lab.node.sandbox import Sandbox
from npol_lab.node.stand_ins import STAND_INS, stand_ins_of
from npol_lab.node.status import Seen, pod_status
from npol_lab.node.volumes import NotMounted, Volumes
from npol_lab.registry import StatusError

GATHER = 0.002
"""Seconds in which changes of a status are gathered into one write."""
MOUNT_AGAIN = 1.0
"""Seconds between tries to have a ConfigMap that a volume names and nobody has made."""
MOUNT_SOON = (0.01, 0.02, 0.05, 0.1, 0.2)
MOUNT_TRIES = len(MOUNT_SOON) + 2
"""After these a pod with stand-ins goes without what is missing."""
log = logging.getLogger(__name__)


class Pod:
    """What the kubelet's worker of one pod knows and does."""

    def __init__(self, host: Host, obj: Obj) -> None:
        self.host = host
        self.obj = obj
        self.uid: str = obj["metadata"]["uid"]
        self.recorder = host.recorder(obj["spec"]["nodeName"])
        self.directory = host.state / "pods" / self.uid
        shared, find = host.state / "shared", host.find(obj["metadata"]["namespace"])
        self.volumes = Volumes(
            self.directory / "volumes", shared, find, host.token, owner=host.owner
        )
        self.volumes.bounded = host.bounded
        self.facts = PodFacts(pod_ips=(), host_ips=host.network.node_addresses(self.node))
        self.init = [Container(self, c) for c in obj["spec"].get("initContainers") or []]
        self.main = [Container(self, c) for c in obj["spec"]["containers"]]
        self.ephemeral: list[Container] = []
        if not self.init:
            for container in self.main:
                container.state = {"waiting": {"reason": "ContainerCreating"}}
        self._sandbox: Sandbox | None = None
        self._started_at = timestamp(host.clock())
        self._failure: tuple[str, str] | None = None
        self._stand_ins = [] if host.strict else stand_ins_of(obj)
        self._told: asyncio.Handle | None = None
        self._vanished = False
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def node(self) -> str:
        return str(self.obj["spec"]["nodeName"])

    @property
    def connected(self) -> bool:
        """Whether it has its network: not before it starts, nor when it has finished."""
        return self._sandbox is not None

    @property
    def sandbox(self) -> Sandbox:
        assert self._sandbox is not None
        return self._sandbox

    @property
    def containers(self) -> list[Container]:
        return [*self.main, *self.init, *self.ephemeral]

    @property
    def grace(self) -> float:
        return float(self.obj["spec"].get("terminationGracePeriodSeconds", 30))

    async def run(self) -> None:
        """Start it, keep it, and clear everything away when it is to end."""
        keeping = asyncio.create_task(self._keep())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((keeping, stopping), return_when=asyncio.FIRST_COMPLETED)
            if keeping.done() and keeping.exception() is not None:
                log.error("pod %s", self.obj["metadata"]["name"], exc_info=keeping.exception())
            await stopping
            keeping.cancel()
            await asyncio.wait((keeping,))
            await self._end()
        finally:
            for task in (keeping, stopping, *self._tasks):
                task.cancel()
            await asyncio.gather(keeping, *self._tasks, return_exceptions=True)

    async def _keep(self) -> None:
        self._mark_stand_ins()
        await self._mount()
        self._sandbox = await self._connect_pod()
        self.facts = replace(self.facts, pod_ips=self._sandbox.ips)
        self._begin_ephemeral()
        self.changed()
        deadline = self.obj["spec"].get("activeDeadlineSeconds")
        work = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(deadline):
                await asyncio.shield(work)
        except TimeoutError:
            await self._deadline()
        finally:
            work.cancel()
        await self._release()
        self.changed()

    async def _release(self) -> None:
        """Nothing runs in it any more, and nothing will: what stays are its status and its logs."""
        for container in self.containers:
            container.launcher.clean()
        if self._sandbox is not None:
            await self.host.network.remove_pod(self.uid)
            self._sandbox = None
        self.volumes.remove()

    async def _mount(self) -> None:
        """
        ConfigMaps made together with the pod may come a moment later.

        What somebody would make who is stood in for does not come: it is mounted empty then.
        """
        tries = itertools.count(1)
        for pause in itertools.chain(MOUNT_SOON, itertools.repeat(MOUNT_AGAIN)):
            given_up = bool(self._stand_ins) and next(tries) > MOUNT_TRIES
            try:
                return self.volumes.prepare(self.obj, lenient=given_up)
            except NotMounted as error:
                self.changed()
                if pause == MOUNT_AGAIN:
                    self.recorder.warning(self.obj, "FailedMount", str(error))
            await asyncio.sleep(pause)

    def _mark_stand_ins(self) -> None:
        head = self.obj["metadata"]
        if not self._stand_ins or STAND_INS in (head.get("annotations") or {}):
            return
        names = ",".join(container["name"] for container in self._stand_ins)
        patch = {"metadata": {"annotations": {STAND_INS: names}}}
        with contextlib.suppress(StatusError):  # it went away in the meantime
            self.host.registry.patch("pods", head["namespace"], head["name"], patch, type="merge")

    def follow_services(self) -> None:
        for container in self.containers if self._stand_ins else ():
            task = asyncio.create_task(container.follow_services())
            task.add_done_callback(_report)
            self._tasks.append(task)

    async def _connect_pod(self) -> Sandbox:
        while True:
            try:
                return await self.host.network.add_pod(self.obj)
            except OSError as error:
                self.changed()
                message = f"Failed to create pod sandbox: {error}"
                self.recorder.warning(self.obj, "FailedCreatePodSandBox", message)
            await asyncio.sleep(MOUNT_AGAIN)

    async def _work(self) -> None:
        """Cancelled when the pod is to end; the containers run on and get their grace."""
        for container in self.init:
            if not await self._initialize(container):
                return
        for container in self.main:
            if container.state == {"waiting": {"reason": "PodInitializing"}}:
                container.state = {"waiting": {"reason": "ContainerCreating"}}
        await asyncio.wait([self._begin(container) for container in self.main])
        await asyncio.gather(*(c.stop(self.grace) for c in self.init))

    def _begin(self, container: Container) -> asyncio.Task[None]:
        task = asyncio.create_task(container.run())
        task.add_done_callback(_report)
        self._tasks.append(task)
        return task

    def _begin_ephemeral(self) -> None:
        known = {container.name for container in self.ephemeral}
        for spec in self.obj["spec"].get("ephemeralContainers") or []:
            if spec["name"] not in known:
                container = Container(self, spec)
                self.ephemeral.append(container)
                self._begin(container)

    async def _initialize(self, container: Container) -> bool:
        """Whether the next one may start: this one has done its work, or runs as a sidecar."""
        run = self._begin(container)
        if container.sidecar:
            await container.has_started.wait()
            return True
        await asyncio.wait([run])
        ended = container.state.get("terminated")
        return bool(ended and ended["exitCode"] == 0)

    async def _deadline(self) -> None:
        message = "Pod was active on the node longer than the specified deadline"
        self._failure = ("DeadlineExceeded", message)
        self.recorder.normal(self.obj, "DeadlineExceeded", message)
        await asyncio.gather(*(c.stop(self.grace) for c in self.containers))
        await self._wait_for_containers()

    async def _wait_for_containers(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    def update(self, obj: Obj) -> None:
        """The API has a newer version of the pod: a deletion, a condition, a label."""
        deleted = "deletionTimestamp" in obj["metadata"]
        gates = obj["spec"].get("readinessGates") and _conditions(obj) != _conditions(self.obj)
        self.obj = obj
        if deleted:
            self._stop.set()
        elif gates:
            self.changed()
        if self._sandbox is not None and not self._stop.is_set():
            self._begin_ephemeral()

    def vanished(self) -> None:
        """It was deleted without grace: nobody waits for it, and it ends at once."""
        self._vanished = True
        self._stop.set()

    def changed(self) -> None:
        """Tell the API soon, once for all that changes until then."""
        if self._told is None:
            self._told = asyncio.get_running_loop().call_later(GATHER, self._tell)

    def _tell(self) -> None:
        self._told = None
        metadata = self.obj["metadata"]
        registry = self.host.registry
        current = registry.store.get("pods", metadata["namespace"], metadata["name"])
        if current is None or current["metadata"]["uid"] != self.uid:
            return
        status = pod_status(current, self._seen(), timestamp(self.host.clock()))
        with contextlib.suppress(StatusError):  # it went away in the meantime
            registry.set_status("pods", metadata["namespace"], metadata["name"], status)

    def _seen(self) -> Seen:
        return Seen(
            init=[c.status() for c in self.init],
            main=[c.status() for c in self.main],
            ephemeral=[{**c.status(), "ready": False} for c in self.ephemeral],
            pod_ips=self.facts.pod_ips,
            host_ips=self.facts.host_ips,
            started_at=self._started_at,
            failure=self._failure,
            ending=self._stop.is_set(),
            sandboxed=self._sandbox is not None,
        )

    async def connect(
        self, address: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """
        A TCP connection from the pod's node, where the kubelet's probes come from.

        Raises:
            OSError: nothing answers, or the address is a name.
        """
        address = numeric(address)
        sock = self.host.network.node_socket(self.node, "TCP", towards=address)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return await asyncio.open_connection(sock=sock)

    async def _end(self) -> None:
        grace = self.obj["metadata"].get("deletionGracePeriodSeconds", self.grace)
        grace = 0 if self._vanished else grace
        await asyncio.gather(*(c.stop(grace) for c in (*self.main, *self.ephemeral)))
        await asyncio.gather(*(c.stop(grace) for c in self.init))
        await self._wait_for_containers()
        if self._told is not None:
            self._told.cancel()
        self._tell()
        await self._release()
        with contextlib.suppress(OSError):  # never made
            self.directory.rmdir()


def _report(task: asyncio.Task[None]) -> None:
    """A defect in one container must not be silent."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a container's task failed", exc_info=task.exception())


def _conditions(obj: Obj) -> dict[str, str]:
    conditions = obj.get("status", {}).get("conditions") or []
    return {c["type"]: c["status"] for c in conditions}
