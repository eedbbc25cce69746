"""
The places that a story asks from: debug pods, running pods, pods that stand for places outside.

All debug pods of a story start together, before its first step, and are deleted at its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

from npol.errors import NpolError, Refused
from npol.kube.channels import Channel, ExecBroken
from npol.kube.connection import Connection
from npol.kube.exec import check_identity, open_exec
from npol.model.fresh_try import FreshLog
from npol.model.inventory import Inventory, Obj, pod_ref
from npol.model.probe import PodRef
from npol.model.story import Peer, Story
from npol.policy.state.from_inventory import cluster_state
from npol.probe.beside_pods import BesidePods
from npol.probe.debug_pod_manifest import CONTAINER, ELSEWHERE, debug_pod
from npol.probe.debug_pods import GONE_WITHIN, POLL, DebugPods
from npol.probe.framing import BOOTSTRAP
from npol.probe.fresh_asker import FreshAsker
from npol.probe.fresh_program import LOG, FreshProgram, parse_fresh_log, wait_command
from npol.probe.prober import Prober
from npol.probe.prober_stream import Stream
from npol.probe.side_effects import concerns
from npol.probe.source_peers import (
    debug_pod_peers,
    instead_of_running,
    needs_debug_pod,
    running_pod,
    target_node,
    why_none_runs,
)
from npol.probe.source_ports import PortPools

ADDRESS_POLL = 0.02
"""Seconds between two looks for the address of a pod that starts."""
LOG_WITHIN = 15.0


class Sources:
    """A context manager; `start` and `close` are its halves. Thread-safe."""

    def __init__(
        self,
        connection: Connection,
        story: Story,
        *,
        run_id: str,
        look: Callable[[], Inventory],
        lease: Callable[[str], Mapping[str, Any]] | None = None,
        beside: BesidePods | None = None,
        recorded: bool = True,
        say: Callable[[str], None] = lambda text: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            look: the objects of the story's namespaces, now.
            lease: namespace -> the owner reference of the run's Lease there.
            beside: the pods that run beside them, where there may be some.
            recorded: whether records tell what becomes of packets, so that probes are ended early.
            say: told how many debug pods run while they start.
        """
        self._connection = connection
        self._story = story
        self._run_id = run_id
        self._look_now = look
        self._seen: Inventory | None = None
        """What the last look saw."""
        self._lease = lease
        self._beside = beside
        self._recorded = recorded
        self._now = now
        self._sleep = sleep
        settings = story.defaults.pod
        self._debug = DebugPods(
            connection,
            run_id,
            look=self._look,
            within=settings.start_within,
            leave_user=not settings.user,
            say=say,
            now=now,
            sleep=sleep,
        )
        self._pods: dict[str, PodRef] = {}
        self._probers: dict[str, Prober] = {}
        self._ports = PortPools()
        self._turn = 0
        """How often fresh pods were started."""
        self.notes: tuple[str, ...] = ()
        """What a debug pod may do to others although it disturbs nobody now."""
        self._lock = threading.RLock()

    def __enter__(self) -> Sources:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """
        Make the debug pods and open their probers.

        Raises:
            Refused: a pod may not be made, does not start, or disturbs somebody.
                Nothing of it stays.
            ExecBroken: the same, where no exec reaches it.
        """
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def pod(self, peer: str) -> PodRef:
        """
        The pod that a peer's probes are asked from.

        Raises:
            Refused: there is none, or its debug pod was not started: another pod of its namespace
                would be asked as another source.
        """
        with self._lock:
            if peer not in self._pods:
                one = self._story.peers[peer]
                if needs_debug_pod(one):
                    raise Refused(f"peer {peer!r} has no debug pod: none was started for it")
                self._pods[peer] = self._seen_ready(one) or self._running(one)
            return self._pods[peer]

    def prober(self, peer: str) -> Prober:
        """
        What asks for a peer. A pod that is gone is replaced: a running one by its successor,
        a debug pod by one more.

        Raises:
            Refused: there is no such pod.
        """
        with self._lock:
            pod = self._pods.get(peer)
            known = self._probers.get(pod.uid) if pod else None
            if known and known.failing:
                self._replace(peer)
            return self.inside(self.pod(peer))

    def _replace(self, peer: str) -> None:
        """If nothing comes of it, the old prober goes on to answer with errors."""
        with suppress(NpolError):
            if needs_debug_pod(self._story.peers[peer]):
                self._pods[peer] = pod_ref(self._debug.revive(peer), CONTAINER)
            else:
                self._pods[peer] = self._running(self._story.peers[peer])

    def inside(self, pod: PodRef) -> Prober:
        """What asks from inside any running pod, a target for example."""
        with self._lock:
            if pod.uid not in self._probers:
                self._probers[pod.uid] = self._new_prober(pod)
            return self._probers[pod.uid]

    @property
    def cluster_domain(self) -> str:
        """The domain of the cluster's own names, as far as a source has told it; "" for not yet."""
        with self._lock:
            return next((p.cluster_domain for p in self._probers.values() if p.cluster_domain), "")

    def prepare_beside(self, peers: Collection[str]) -> None:
        """Begin to make the pods beside these peers."""
        with suppress(NpolError):
            if self._beside:
                self._beside.when_running = self._open_ahead
                self._beside.prepare([self.pod(peer).node for peer in sorted(peers)])

    def beside(self, node: str) -> Prober | None:
        """What asks from a pod of ours on a node, which no policy selects."""
        pod = self._beside.on(node) if self._beside else None
        return self.inside(pod) if pod else None

    def why_nothing_beside(self, node: str) -> str:
        return self._beside.why_not(node) if self._beside else "as asked (--no-canary)"

    @property
    def pods_beside(self) -> tuple[PodRef, ...]:
        """All pods of ours that run beside the sources."""
        return tuple(map(pod_ref, self._beside.running)) if self._beside else ()

    @property
    def objects_beside(self) -> tuple[Obj, ...]:
        """The pods of ours beside the sources, and the policies of their namespace."""
        return (*self._beside.running, *self._beside.policies) if self._beside else ()

    def close(self, within: float = GONE_WITHIN, *, keep: bool = False) -> tuple[str, ...]:
        """
        End all execs, delete the debug pods and those beside them, wait until they are gone; says
        what stayed.

        What stayed is tried again by the next call. `within`: seconds to wait for. `keep`: the
        debug pods are left.
        """
        with self._lock:
            probers, self._probers = list(self._probers.values()), {}
        for prober in probers:
            prober.close()
        with ThreadPoolExecutor(max_workers=1) as pool:
            beside = pool.submit(self._beside.close, within) if self._beside else None
            stayed = () if keep else self._debug.delete(within)
            return (*stayed, *beside.result()) if beside else stayed

    def _start(self) -> None:
        peers = [peer for peer in debug_pod_peers(self._story) if not peer.fresh]
        if not peers:
            return
        with ThreadPoolExecutor(max_workers=1) as pool:
            budgets = pool.submit(self._debug.budgets, {peer.namespace for peer in peers})
            before = self._look()
        manifests = {p.name: self._manifest(p, before) for p in peers}
        self.notes = tuple(concerns(manifests.values(), budgets.result()))
        self._debug.start(manifests, before, then=self._open_all)

    def _open_all(self, pods: Mapping[str, Obj]) -> None:
        for name, pod in pods.items():
            self._pods[name] = pod_ref(pod, CONTAINER)
        with ThreadPoolExecutor(len(pods)) as pool:
            list(pool.map(self._open, pods))

    def _open_ahead(self, pod: PodRef) -> None:
        """The exec into a pod that will be asked from; the round that needs it says what fails."""
        with suppress(NpolError):
            self.inside(pod).open()

    def _open(self, peer: str) -> None:
        """The first exec: a way that REST requests pass is not always one for WebSockets."""
        try:
            self.prober(peer).open()
        except ExecBroken as broken:
            where = self._pods[peer]
            raise ExecBroken(
                f"{broken.reason} ({where}, before anything was asked)",
                hint="try `kubectl exec` there; a proxy on the way may not pass WebSockets",
            ) from broken

    def start_fresh(
        self, programs: Mapping[str, FreshProgram], told: Callable[[str, str], None]
    ) -> dict[str, PodRef]:
        """
        Start these peers' debug pods, others than before; they run when it returns.

        `told`: the peer and its address, as soon as the API shows it.

        Raises:
            Refused: a pod may not be made, does not start, or disturbs somebody.
        """
        with self._lock:
            self._turn += 1
        before = self._look()
        manifests = {
            name: self._manifest(self._story.peers[name], before, program)
            for name, program in programs.items()
        }
        self._debug.retire(programs)
        with ThreadPoolExecutor(max_workers=1) as pool:
            starting = pool.submit(self._debug.start, manifests, before)
            waited_for = [name for name, program in programs.items() if program.ports]
            while waited_for and not starting.done():
                for name in list(waited_for):
                    if address := self._debug.address(name):
                        waited_for.remove(name)
                        told(name, address)
                self._sleep(ADDRESS_POLL)
            pods = {name: pod_ref(pod, CONTAINER) for name, pod in starting.result().items()}
        for name in waited_for:
            told(name, pods[name].ip)
        with self._lock:
            self._pods.update(pods)
        return pods

    def open_asker(self, peer: str) -> FreshAsker:
        """
        A source that is ready to ask a fresh pod as soon as it is told where that is.

        Raises:
            ExecBroken: no exec reaches it.
        """
        asker = FreshAsker(open_exec(self._connection, self.pod(peer), wait_command()))
        asker.start()
        return asker

    def fresh_log(self, pod: PodRef) -> FreshLog:
        """
        What the program of a fresh pod has written until now.

        Raises:
            ExecBroken: it cannot be read.
        """
        stream = open_exec(self._connection, pod, ("cat", LOG), stdin=False)
        text, deadline = b"", self._now() + LOG_WITHIN
        with closing(stream):
            while self._now() < deadline:
                frame = stream.read(1.0)
                if frame and frame.channel is Channel.ERROR:
                    return parse_fresh_log(text.decode("utf-8", "replace"))
                text += frame.data if frame else b""
        raise ExecBroken(f"{pod}: {LOG} was not read within {LOG_WITHIN:g} s")

    def _manifest(self, peer: Peer, before: Inventory, program: FreshProgram | None = None) -> Obj:
        return debug_pod(
            peer,
            self._story.defaults.pod,
            run_id=self._run_id,
            owner=self._lease(peer.namespace) if self._lease else None,
            node=self._place(peer, before),
            program=program,
            turn=self._turn if program else 0,
        )

    def _place(self, peer: Peer, inventory: Inventory) -> str:
        """The node for `same` and `other`: that of the first flow's target, once it has one."""
        if peer.node not in ("same", "other"):
            return peer.node
        deadline = self._now() + self._story.defaults.pod.start_within
        while not (node := target_node(self._story, peer, inventory)):
            if self._now() >= deadline:
                raise Refused(
                    f"peer {peer.name!r} is to run on the {peer.node} node, "
                    "and no target of its flows runs on any"
                )
            self._sleep(POLL)
            inventory = self._look()
        return node if peer.node == "same" else ELSEWHERE + node

    def _look(self) -> Inventory:
        self._seen = self._look_now()
        return self._seen

    def _seen_ready(self, peer: Peer) -> PodRef | None:
        """A peer's pod as the last look saw it, if it was ready then."""
        found = running_pod(peer, cluster_state(self._seen)) if self._seen else None
        return found if found and found.ready else None

    def _running(self, peer: Peer) -> PodRef:
        found = running_pod(peer, cluster_state(self._look()))
        if found is None:
            raise Refused(why_none_runs(peer), hint=instead_of_running(peer), at=peer.at)
        return found

    def _new_prober(self, pod: PodRef) -> Prober:
        def open_command(argv: Sequence[str]) -> Stream:
            return open_exec(self._connection, pod, argv, identify=False)

        return Prober(
            lambda: open_exec(self._connection, pod, ("sh", "-c", BOOTSTRAP), identify=False),
            pod,
            open_command=open_command,
            identify=lambda: check_identity(self._connection, pod),
            ports=self._ports,
            ends_early=self._recorded,
            now=self._now,
            sleep=self._sleep,
        )
