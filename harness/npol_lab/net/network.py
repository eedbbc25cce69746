"""Nodes and places on a wire, and pods on the nodes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from npol.api_rules.objects import Obj
from npol_lab.families import IPV4, SINGLE, Family
from npol_lab.isolation.namespaces import inside
from npol_lab.net.external_hosts import PLACES, Place, attach
from npol_lab.net.links import Links, make_router, prepare
from npol_lab.net.netns_thread import Resident
from npol_lab.net.node import Node
from npol_lab.net.policy_controller import Agent
from npol_lab.net.sandbox import Protocol, Sandbox, socket_in
from npol_lab.pause_processes import Pauses
from npol_lab.store import Store

WIRE = "wire0"
ROUTER = IPV4.router
"""The control plane's address."""
API_PORT = 6443


class Network:
    """
    Everything that carries packets. One event loop owns it; threads do the slow calls.

    Args:
        lab: names links and tables.
        enforce: False: policies are accepted and ignored.
        delay: seconds by which policies come into force late.
        fresh_delay: seconds for which policies do not know of a pod that has just started.
    """

    def __init__(
        self,
        lab: str,
        pauses: Pauses,
        *,
        families: Sequence[Family] = SINGLE,
        enforce: bool = True,
        delay: float = 0.0,
        fresh_delay: float = 0.0,
    ) -> None:
        self.families = families
        self._lab = lab
        self._pauses = pauses
        self._nodes: dict[str, Node] = {}
        self._places: dict[str, Sandbox] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._agent = Agent(
            self._nodes,
            families=families,
            enforce=enforce,
            delay=delay,
            fresh_delay=fresh_delay,
            api_server=ROUTER,
        )
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
        make_router(self.families)
        self._links = Links()
        self._links.up("lo")
        self._links.bridge(WIRE)
        for family in self.families:
            self._links.address(WIRE, family.router, family.wire)

    async def add_node(self, name: str, number: int) -> None:
        """A worker with the addresses and pod ranges of this number, one of each family."""
        pid = await self._pauses.make(name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}n{number}"
        await self._wire.run(lambda: self._lay_uplink(cable, netns))
        node = Node(name, number=number, lab=self._lab, netns=netns, families=self.families)
        await node.start()
        await node.tell_flows()
        self._nodes[name] = node

    def _lay_uplink(self, cable: str, netns: str) -> None:
        with inside(netns):
            prepare(self.families)
        self._links.cable(cable, netns, bridge=WIRE)

    @property
    def tells_flows(self) -> bool:
        """Whether `hubble observe` has something to say in the pods of the nodes' agents."""
        return all(node.tells_flows for node in self._nodes.values())

    async def _add_place(self, place: Place, number: int) -> None:
        pid = await self._pauses.make(place.name)
        netns = f"/proc/{pid}/ns/net"
        cable = f"{self._lab}p{number}"
        families = self.families
        await self._wire.run(lambda: attach(self._links, place, families, cable=cable, netns=netns))
        self._places[place.name] = Sandbox(
            uid=place.name,
            ips=tuple(place.address(family) for family in families),
            node=place.name,
            netns=netns,
            pid=pid,
            pauses=self._pauses,
        )

    async def _connect_nodes(self) -> None:
        """Pod ranges are routed between the nodes, and from the router too, as with BGP peers."""
        for node in self._nodes.values():
            for route in node.routes_to_pods:
                await self._wire.run(self._links.route, *route)
            for other in self._nodes.values():
                if other is not node:
                    await node.route(other.routes_to_pods)

    def node_addresses(self, node: str) -> tuple[str, ...]:
        """
        One of each family.

        Raises:
            KeyError: no such node or place.
        """
        return self._places[node].ips if node in self._places else self._nodes[node].addresses

    def node_socket(
        self, node: str, protocol: Protocol = "TCP", towards: str = ""
    ) -> socket.socket:
        """A non-blocking socket of the node's own network: what kubelet probes come from."""
        return socket_in(self._host(node), protocol, towards)

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
            return self._keep(uid, name, self.node_addresses(name), pid, netns=self._host(name))
        node = self._nodes[name]
        pid = await self._pauses.make(spec.get("hostname") or pod["metadata"]["name"])
        sandbox = self._keep(uid, name, node.take_addresses(), pid, netns=f"/proc/{pid}/ns/net")
        self._agent.add(pod, sandbox.ips)
        await asyncio.gather(node.plug(sandbox.netns, sandbox.ips), self.settled())
        return sandbox

    def _keep(self, uid: str, node: str, ips: tuple[str, ...], pid: int, *, netns: str) -> Sandbox:
        sandbox = Sandbox(uid=uid, ips=ips, node=node, netns=netns, pid=pid, pauses=self._pauses)
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
