"""One node's part of the network: its namespace, its pods' links and its rules."""

from __future__ import annotations

import ipaddress
import itertools
import logging
from collections.abc import Iterable, Mapping

from npol_lab.net import conntrack, nft
from npol_lab.net.conntrack import Place
from npol_lab.net.flow_log import ARRIVED, FlowLog
from npol_lab.net.flow_server import serve_flows
from npol_lab.net.links import EVERYWHERE, POD_LINK, Links, make_router
from npol_lab.net.netns_thread import Resident
from npol_lab.net.nflog import open_log, statement
from npol_lab.net.policy import ARRIVE
from npol_lab.net.services import FROM_OUTSIDE, POD_RANGE, SERVE, UNSERVED

log = logging.getLogger(__name__)


class NoAddress(OSError):
    """The node's range is used up."""


class Node:
    """A namespace that routes for its pods. All is done by one thread that lives in it."""

    def __init__(self, name: str, *, number: int, lab: str, netns: str) -> None:
        self.name = name
        self.netns = netns
        self.address = f"10.98.1.{10 + number}"
        self.pod_range = ipaddress.IPv4Network(f"10.244.{number}.0/24")
        self._table = lab
        self._lab = lab
        self._thread = Resident(netns, name=name)
        self._applied = nft.Ruleset()
        self._addresses = itertools.cycle(list(self.pod_range.hosts())[1:])
        self._used: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.flows = FlowLog(name, self.address)
        self.tells_flows = False
        """Whether what rules decide can be read: the kernel has nfnetlink_log."""

    async def start(self, router: str) -> None:
        """The uplink exists already; the first rules come with `program`."""
        await self._thread.run(self._start, router)

    async def tell_flows(self) -> None:
        """Show what the rules decide to who asks in the pod of the node's agent."""
        try:
            source = await self._thread.run(open_log)
        except OSError as error:
            log.warning("node %s tells no flows: %s", self.name, error)
            return
        self.flows.read(source)
        await serve_flows(self.flows, self.netns)
        self.tells_flows = True

    def _start(self, router: str) -> None:
        make_router()
        self._links = Links()
        self._links.up("lo")
        self._links.up(POD_LINK)
        self._links.address(POD_LINK, self.address, 24)
        self._links.route(EVERYWHERE, router)

    def take_address(self) -> str:
        """
        The next free one: an address rests as long as possible before it is used again.

        Raises:
            NoAddress: as many pods as the node has addresses.
        """
        for address in itertools.islice(self._addresses, self.pod_range.num_addresses):
            ip = str(address)
            if ip not in self._used:
                self._used[ip] = self._names()
                return ip
        raise NoAddress(f"node {self.name} has no free address in {self.pod_range}")

    def _names(self) -> str:
        return f"{self._lab}v{next(self._numbers)}"

    async def plug(self, netns: str, ip: str) -> None:
        await self._thread.run(lambda: self._links.plug(self._used[ip], netns, ip))

    async def unplug(self, ip: str) -> None:
        await self._thread.run(lambda: self._links.unplug(self._used[ip]))
        del self._used[ip]

    async def route(self, destination: str, gateway: str) -> None:
        await self._thread.run(lambda: self._links.route(destination, gateway))

    async def program(self, wanted: nft.Ruleset) -> None:
        """
        Put a ruleset in force, all at once.

        Raises:
            NftError: nothing has changed.
        """
        commands = nft.transaction(self._table, self._applied, wanted)
        if commands:
            await self._thread.run(nft.apply, f"add table ip {self._table}\n{commands}")
        self._applied = wanted

    async def forget(self, served: Mapping[Place, frozenset[Place]]) -> None:
        """No UDP client is sent on to an endpoint of these that has gone."""
        try:
            await self._thread.run(conntrack.forget_udp, served)
        except OSError as error:
            log.warning("UDP clients of ended pods keep them until they pause: %s", error)


def base_chains(node: Node, pods: Iterable[str]) -> nft.Ruleset:
    """
    The hooks, as a node has them with kube-proxy and Calico.

    Destinations are translated first, so policies judge pod addresses; sources last,
    so policies judge the true client where it enters, and the node elsewhere.
    Packets that a node itself sends are not judged by it.
    """
    to_node = f"snat to {node.address} fully-random"
    established = ("ct state established,related accept", "ct state invalid drop")
    own = f"ip daddr {node.pod_range}"
    arrived = (f"{own} {statement(ARRIVED)}",) if node.tells_flows else ()
    ruleset = nft.Ruleset()
    ruleset.sets["hairpins"] = nft.Set("ipv4_addr . ipv4_addr", {f"{p} . {p}": "" for p in pods})
    ruleset.chains |= {
        "prerouting": nft.Chain((f"jump {SERVE}",), "type nat hook prerouting priority dstnat"),
        "locally": nft.Chain((f"jump {SERVE}",), "type nat hook output priority -100"),
        "postrouting": nft.Chain(
            (
                f"meta mark {FROM_OUTSIDE} {to_node}",
                f"ip saddr . ip daddr @hairpins {to_node}",
                f"ip saddr {POD_RANGE} ip daddr != {POD_RANGE} {to_node}",
            ),
            "type nat hook postrouting priority srcnat",
        ),
        "forward": nft.Chain(
            (*established, "ip saddr vmap @egress", f"goto {ARRIVE}"),
            "type filter hook forward priority filter",
        ),
        "input": nft.Chain(
            (*established, "ip saddr vmap @egress"), "type filter hook input priority filter"
        ),
        "output": nft.Chain(
            (f"ct state new jump {UNSERVED}",), "type filter hook output priority filter"
        ),
        ARRIVE: nft.Chain(("ip daddr vmap @ingress", f"jump {UNSERVED}", *arrived, "accept")),
    }
    return ruleset
