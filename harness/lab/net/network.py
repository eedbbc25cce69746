"""Nodes and places on a wire, pods on the nodes, and rules that follow the store."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Protocol

from harness.lab.net import policies, services
from harness.lab.net.links import Links, make_router
from harness.lab.net.nft import NftError, Ruleset
from harness.lab.net.node import Node, base_chains
from harness.lab.net.places import PLACES, Place, attach
from harness.lab.net.pods import is_judged, pod_of
from harness.lab.net.resident import Resident
from harness.lab.net.sandbox import Protocol as Transport
from harness.lab.net.sandbox import Sandbox, socket_in
from harness.lab.pauses import Pauses
from harness.lab.store import Event, Obj, Store

WIRE = "wire0"
API_PORT = 6443
ROUTER = "10.98.1.1"
"""The wire's own address: the nodes' default route, and the control plane's address."""
DEBOUNCE = 0.003
"""Seconds in which changes are gathered into one transaction per node."""
FOLLOWED = (
    "pods",
    "namespaces",
    "services",
    "endpointslices.discovery.k8s.io",
    "networkpolicies.networking.k8s.io",
)
POLICIES = FOLLOWED[-1]


class HasStore(Protocol):
    """What the network needs of the registry: it only reads."""

    store: Store


class Network:
    """
    Everything that carries packets. One event loop owns it; threads do the slow calls.

    `enforce` False: policies are accepted and ignored, as by a network plugin without them.
    `delay`: seconds by which policies come into force late.
    """

    def __init__(
        self, lab: str, pauses: Pauses, *, enforce: bool = True, delay: float = 0.0
    ) -> None:
        self._lab = lab
        self._pauses = pauses
        self._enforce = enforce
        self._delay = delay
        self._nodes: dict[str, Node] = {}
        self._places: dict[str, Sandbox] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._pods: dict[str, Obj] = {}
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {r: {} for r in FOLLOWED}
        self._compiled: dict[tuple[str, str], policies.Policy] = {}
        self._selects = policies.Selection()
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wire = Resident("/proc/thread-self/ns/net", name="wire")

    async def start(
        self, registry: HasStore, *, nodes: tuple[str, ...] = ("lab-1", "lab-2")
    ) -> None:
        """Lay the wire, bring up nodes and places, then follow the store until `close`."""
        self._pauses.start()
        await self._wire.run(self._lay_wire)
        await asyncio.gather(
            *(self.add_node(name, number) for number, name in enumerate(nodes, 1)),
            *(self._add_place(place, number) for number, place in enumerate(PLACES)),
        )
        await self._connect_nodes()
        self._spawn(self._follow(registry.store))
        self._spawn(self._keep_programming())
        await self.settled()

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.create_task(work))

    def _lay_wire(self) -> None:
        make_router()
        self._links = Links()
        self._links.up("lo")
        self._links.bridge(WIRE)
        self._links.address(WIRE, ROUTER, 24)

    async def add_node(self, name: str, number: int) -> Node:
        """A worker with the address 10.98.1.(10+number) and the pod range 10.244.number.0/24."""
        pid = await self._pauses.make(name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}n{number}"
        await self._wire.run(lambda: self._links.cable(cable, netns, bridge=WIRE))
        node = Node(name, number=number, lab=self._lab, netns=netns, pid=pid)
        await node.start(ROUTER)
        self._nodes[name] = node
        return node

    async def _add_place(self, place: Place, number: int) -> None:
        pid = await self._pauses.make(place.name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}p{number}"
        await self._wire.run(lambda: attach(self._links, place, cable=cable, netns=netns))
        self._places[place.name] = Sandbox(
            uid=place.name, ip=place.address, node=place.name, netns=netns, pid=pid
        )

    async def _connect_nodes(self) -> None:
        """Pod ranges are routed between the nodes, and from the router too, as with BGP peers."""
        nodes = list(self._nodes.values())
        for node in nodes:
            await self._wire.run(self._links.route, str(node.pod_range), node.address)
            for other in nodes:
                if other is not node:
                    await node.route(str(other.pod_range), other.address)

    def node_address(self, node: str) -> str:
        """
        Raises:
            KeyError: no such node or place.
        """
        return self._places[node].ip if node in self._places else self._nodes[node].address

    def node_socket(self, node: str, protocol: Transport = "TCP") -> Any:
        """A non-blocking socket of the node's own network: what kubelet probes come from."""
        return socket_in(self._host(node), protocol)

    def _host(self, node: str) -> str:
        return self._places[node].netns if node in self._places else self._nodes[node].netns

    async def add_pod(self, pod: Obj) -> Sandbox:
        """
        Give a Pod object with `spec.nodeName` its namespaces and its address.

        When it returns, the policies that select the pod are in force.

        Raises:
            NoAddress: the node is full.
            OSError: the kernel said no.
        """
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        node = spec["nodeName"]
        if spec.get("hostNetwork") or node in self._places:
            sandbox = await self._add_host_pod(uid, node)
        else:
            sandbox = await self._add_own_pod(uid, pod, self._nodes[node])
        self._sandboxes[uid] = sandbox
        return sandbox

    async def _add_host_pod(self, uid: str, node: str) -> Sandbox:
        netns = self._host(node)
        pid = await self._pauses.make(node, netns=netns)
        return Sandbox(uid=uid, ip=self.node_address(node), node=node, netns=netns, pid=pid)

    async def _add_own_pod(self, uid: str, pod: Obj, node: Node) -> Sandbox:
        hostname = pod["spec"].get("hostname") or pod["metadata"]["name"]
        ip = node.take_address()
        pid = await self._pauses.make(hostname)
        netns = f"/proc/{pid}/ns/net"
        sandbox = Sandbox(uid=uid, ip=ip, node=node.name, netns=netns, pid=pid)
        self._sandboxes[uid] = sandbox
        self._pods[uid] = self._newest(pod)
        await asyncio.gather(node.plug(netns, ip), self.settled())
        return sandbox

    def _newest(self, pod: Obj) -> Obj:
        """The store may have moved on since the kubelet read the pod."""
        metadata = pod["metadata"]
        known = self._objects["pods"].get((metadata["namespace"], metadata["name"]))
        return known if known and known["metadata"]["uid"] == metadata["uid"] else pod

    async def remove_pod(self, uid: str) -> None:
        """End every process of the pod and take its link; unknown ones are fine."""
        sandbox = self._sandboxes.pop(uid, None)
        self._pods.pop(uid, None)
        if sandbox is None:
            return
        self._pauses.end(sandbox.pid)
        node = self._nodes.get(sandbox.node)
        if node is not None and sandbox.ip != node.address:
            await node.unplug(sandbox.ip)
            self._changed.set()

    async def _follow(self, store: Store) -> None:
        async for event in store.subscribe(*FOLLOWED):
            if event.resource == POLICIES and self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._note, event)
            else:
                self._note(event)

    def _note(self, event: Event) -> None:
        metadata = event.object["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        if event.type == "DELETED":
            self._objects[event.resource].pop(key, None)
        else:
            self._objects[event.resource][key] = event.object
        if event.resource == "pods" and metadata["uid"] in self._pods:
            self._pods[metadata["uid"]] = event.object
        if event.resource == POLICIES:
            self._compile(key, None if event.type == "DELETED" else event.object)
        self._changed.set()

    def _compile(self, key: tuple[str, str], policy: Obj | None) -> None:
        self._compiled.pop(key, None)
        if policy is not None and self._enforce:
            self._compiled[key] = policies.compile_policy(policy)

    async def settled(self) -> None:
        """
        Wait until everything that is known now is in force on every node.

        Raises:
            NftError: the rules were not accepted.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._changed.set()
        await waiter

    async def _keep_programming(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(DEBOUNCE)
            self._changed.clear()
            waiting, self._waiting = self._waiting, []
            failure: NftError | None = None
            try:
                await self._program()
            except NftError as error:
                failure = error
                print(f"rules were not accepted: {error}", file=sys.stderr)
            for waiter in waiting:
                _tell(waiter, failure)

    async def _program(self) -> None:
        world = policies.World(
            policies=tuple(self._compiled.values()),
            pods=tuple(
                pod_of(pod, self._sandboxes[uid].ip)
                for uid, pod in self._pods.items()
                if uid in self._sandboxes and is_judged(pod)
            ),
            namespaces={
                name: frozenset((obj["metadata"].get("labels") or {}).items())
                for (_, name), obj in self._objects["namespaces"].items()
            },
            selects=self._selects,
        )
        ports = services.exposed(
            self._objects["services"].values(),
            self._objects["endpointslices.discovery.k8s.io"].values(),
        )
        await asyncio.gather(
            *(node.program(_rules(node, world, ports)) for node in self._nodes.values())
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for node in self._nodes.values():
            node.close()
        self._wire.close()


def _tell(waiter: asyncio.Future[None], failure: Exception | None) -> None:
    if waiter.done():
        return
    if failure is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(failure)


def _rules(node: Node, world: policies.World, ports: list[services.Exposed]) -> Ruleset:
    pods = (pod.ip for pod in world.pods if pod.node == node.name)
    whole = base_chains(node, pods)
    for part in (policies.rules_for(node.name, world), services.rules_for(node.name, ports)):
        whole.sets |= part.sets
        whole.chains |= part.chains
    return whole
