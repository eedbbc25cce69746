"""Nodes and places on a wire, and pods on the nodes."""

from __future__ import annotations

import asyncio
import socket

from npol.api_rules.objects import Obj
from npol_lab.net.external_hosts import PLACES, Place, attach
from npol_lab.net.links import Links, make_router
from npol_lab.net.netns_thread import Resident
from npol_lab.net.node import Node
from npol_lab.net.policy_controller import Agent
from npol_lab.net.sandbox import Protocol, Sandbox, socket_in
from npol_lab.pause_processes import Pauses
from npol_lab.store import Store

WIRE = "wire0"
ROUTER = "10.98.1.1"
"""The wire's own address: the nodes' default route, and the control plane's address."""
API_PORT = 6443


class Network:
    """
    Everything that carries packets. One event loop owns it; threads do the slow calls.

    Args:
        lab: names links and tables.
        enforce: False: policies are accepted and ignored.
        delay: seconds by which policies come into force late.
    """

    def __init__(
        self, lab: str, pauses: Pauses, *, enforce: bool = True, delay: float = 0.0
    ) -> None:
        self._lab = lab
        self._pauses = pauses
        self._nodes: dict[str, Node] = {}
        self._places: dict[str, Sandbox] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._agent = Agent(self._nodes, enforce=enforce, delay=delay, api_server=ROUTER)
        self._wire = Resident("/proc/thread-self/ns/net", name="wire")

    async def start(self, *nodes: str) -> None:
        """Lay the wire, bring up workers with these names and the places outside."""
        self._pauses.start()
        await self._wire.run(self._lay_wire)
        await asyncio.gather(
            *(self.add_node(name, number) for number, name in enumerate(nodes, 1)),
            *(self._add_place(place, number) for number, place in enumerate(PLACES)),
        )
        await self._connect_nodes()

    async def run(self, store: Store) -> None:
        """Follow the store and keep the rules right, until cancelled."""
        await self._agent.run(store)

    async def settled(self) -> None:
        """
        Wait until everything that is known now is in force on every node.

        Raises:
            NftError: the rules were not accepted.
        """
        await self._agent.settled()

    def _lay_wire(self) -> None:
        make_router()
        self._links = Links()
        self._links.up("lo")
        self._links.bridge(WIRE)
        self._links.address(WIRE, ROUTER, 24)

    async def add_node(self, name: str, number: int) -> None:
        """A worker with the address 10.98.1.(10+number) and the pod range 10.244.number.0/24."""
        pid = await self._pauses.make(name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}n{number}"
        await self._wire.run(lambda: self._links.cable(cable, netns, bridge=WIRE))
        node = Node(name, number=number, lab=self._lab, netns=netns)
        await node.start(ROUTER)
        await node.tell_flows()
        self._nodes[name] = node

    @property
    def tells_flows(self) -> bool:
        """Whether `hubble observe` has something to say in the pods of the nodes' agents."""
        return all(node.tells_flows for node in self._nodes.values())

    async def _add_place(self, place: Place, number: int) -> None:
        pid = await self._pauses.make(place.name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}p{number}"
        await self._wire.run(lambda: attach(self._links, place, cable=cable, netns=netns))
        self._places[place.name] = Sandbox(
            uid=place.name,
            ip=place.address,
            node=place.name,
            netns=netns,
            pid=pid,
            pauses=self._pauses,
        )

    async def _connect_nodes(self) -> None:
        """Pod ranges are routed between the nodes, and from the router too, as with BGP peers."""
        for node in self._nodes.values():
            await self._wire.run(self._links.route, str(node.pod_range), node.address)
            for other in self._nodes.values():
                if other is not node:
                    await node.route(str(other.pod_range), other.address)

    def node_address(self, node: str) -> str:
        """
        Raises:
            KeyError: no such node or place.
        """
        return self._places[node].ip if node in self._places else self._nodes[node].address

    def node_socket(self, node: str, protocol: Protocol = "TCP") -> socket.socket:
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
        try:
            return await self._add(pod)
        except BaseException:  # cancelled, too: half a pod would keep its address and process
            await self.remove_pod(pod["metadata"]["uid"])
            raise

    async def _add(self, pod: Obj) -> Sandbox:
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        name = spec["nodeName"]
        if spec.get("hostNetwork") or name in self._places:
            pid = await self._pauses.make(name, netns=self._host(name))
            return self._keep(uid, name, self.node_address(name), pid, netns=self._host(name))
        node = self._nodes[name]
        pid = await self._pauses.make(spec.get("hostname") or pod["metadata"]["name"])
        sandbox = self._keep(uid, name, node.take_address(), pid, netns=f"/proc/{pid}/ns/net")
        self._agent.add(pod, sandbox.ip)
        await asyncio.gather(node.plug(sandbox.netns, sandbox.ip), self.settled())
        return sandbox

    def _keep(self, uid: str, node: str, ip: str, pid: int, *, netns: str) -> Sandbox:
        sandbox = Sandbox(uid=uid, ip=ip, node=node, netns=netns, pid=pid, pauses=self._pauses)
        self._sandboxes[uid] = sandbox
        return sandbox

    async def remove_pod(self, uid: str) -> None:
        """End every process of the pod and take its link; unknown ones are fine."""
        sandbox = self._sandboxes.pop(uid, None)
        if sandbox is None:
            return
        self._agent.remove(uid)
        self._pauses.end(sandbox.pid)
        node = self._nodes.get(sandbox.node)
        if node is not None and sandbox.ip != node.address:
            await node.unplug(sandbox.ip)
