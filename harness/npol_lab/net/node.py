"""One node's part of the network: its namespace, its pods' links and its rules."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence

from npol_lab.families import IPV6, Family
from npol_lab.net import conntrack, nft
from npol_lab.net.conntrack import Place
from npol_lab.net.flow_log import ARRIVED, FlowLog
from npol_lab.net.flow_server import serve_flows
from npol_lab.net.links import POD_LINK, Links, make_router
from npol_lab.net.netns_thread import Resident
from npol_lab.net.nflog import open_log, statement
from npol_lab.net.policy import ARRIVE
from npol_lab.net.services import FROM_OUTSIDE, SERVE, UNSERVED

log = logging.getLogger(__name__)

_NEIGHBOURS = "icmpv6 type { 130-136 } accept"
"""Listener and neighbour discovery (RFC 2710, RFC 4861): no policy means them."""


HOSTS = range(2, 255)
"""A pod's number in its node's range."""


class NoAddress(OSError):
    """The node's range is used up."""


class Node:
    """A namespace that routes for its pods. All is done by one thread that lives in it."""

    def __init__(
        self, name: str, *, number: int, lab: str, netns: str, families: Sequence[Family]
    ) -> None:
        self.name = name
        self.netns = netns
        self.families = families
        self.addresses = tuple(family.node_address(number) for family in families)
        self.pod_ranges = {family: family.pod_range(number) for family in families}
        self._table = lab
        self._lab = lab
        self._thread = Resident(netns, name=name)
        self._applied = dict.fromkeys(families, nft.Ruleset())
        self._hosts = itertools.cycle(HOSTS)
        self._used: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.flows = FlowLog(name, self.addresses)
        self.tells_flows = False
        """Whether what rules decide can be read: the kernel has nfnetlink_log."""

    @property
    def address(self) -> str:
        return self.addresses[0]

    async def start(self) -> None:
        """The uplink exists already; the first rules come with `program`."""
        await self._thread.run(self._start)

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

    def _start(self) -> None:
        make_router(self.families)
        self._links = Links()
        self._links.up("lo")
        self._links.up(POD_LINK)
        for family, address in zip(self.families, self.addresses, strict=True):
            self._links.address(POD_LINK, address, family.wire)
            self._links.route(family.everywhere, family.router)

    def take_addresses(self) -> tuple[str, ...]:
        """
        The next free ones: an address rests as long as possible before it is used again.

        Raises:
            NoAddress: as many pods as the node has addresses.
        """
        ranges = self.pod_ranges.values()
        for host in itertools.islice(self._hosts, len(HOSTS)):
            ips = tuple(str(one[host]) for one in ranges)
            if ips[0] not in self._used:
                self._used[ips[0]] = self._names()
                return ips
        raise NoAddress(f"node {self.name} has no free address in {next(iter(ranges))}")

    def _names(self) -> str:
        return f"{self._lab}v{next(self._numbers)}"

    async def plug(self, netns: str, ips: Sequence[str]) -> None:
        await self._thread.run(lambda: self._links.plug(self._used[ips[0]], netns, *ips))

    async def unplug(self, ip: str) -> None:
        await self._thread.run(lambda: self._links.unplug(self._used[ip]))
        del self._used[ip]

    @property
    def routes_to_pods(self) -> list[tuple[str, str]]:
        """For others: this node's pod ranges, and its address, by which they are reached."""
        ranges = map(str, self.pod_ranges.values())
        return list(zip(ranges, self.addresses, strict=True))

    async def route(self, routes: Iterable[tuple[str, str]]) -> None:
        """Destinations, each with its gateway."""
        for destination, gateway in routes:
            await self._thread.run(self._links.route, destination, gateway)

    async def program(self, wanted: Mapping[Family, nft.Ruleset]) -> None:
        """
        Put the rulesets of all families in force, all at once.

        Raises:
            NftError: nothing has changed.
        """
        commands = "".join(self._commands(f, ruleset) for f, ruleset in wanted.items())
        if commands:
            await self._thread.run(nft.apply, commands)
        self._applied |= wanted

    def _commands(self, family: Family, wanted: nft.Ruleset) -> str:
        commands = nft.transaction(self._table, self._applied[family], wanted, family.ip)
        return f"add table {family.ip} {self._table}\n{commands}" if commands else ""

    async def forget(self, served: Mapping[Place, frozenset[Place]]) -> None:
        """No UDP client is sent on to an endpoint of these that has gone."""
        try:
            await self._thread.run(conntrack.forget_udp, served, self.families)
        except OSError as error:
            log.warning("UDP clients of ended pods keep them until they pause: %s", error)


def base_chains(node: Node, pods: Iterable[str], family: Family) -> nft.Ruleset:
    """
    The hooks, as a node has them with kube-proxy and Calico.

    Destinations are translated first, so policies judge pod addresses; sources last,
    so policies judge the true client where it enters, and the node elsewhere.
    Packets that a node itself sends are not judged by it.
    """
    ip, address = family.ip, node.addresses[node.families.index(family)]
    to_node = f"snat to {address} fully-random"
    established: tuple[str, ...] = ("ct state established,related accept", "ct state invalid drop")
    established = (_NEIGHBOURS, *established) if family is IPV6 else established
    own = f"{ip} daddr {node.pod_ranges[family]}"
    arrived = (f"{own} {statement(ARRIVED)}",) if node.tells_flows else ()
    ruleset = nft.Ruleset()
    pair = f"{family.element} . {family.element}"
    ruleset.sets["hairpins"] = nft.Set(pair, {f"{p} . {p}": "" for p in pods})
    ruleset.chains |= {
        "prerouting": nft.Chain((f"jump {SERVE}",), "type nat hook prerouting priority dstnat"),
        "locally": nft.Chain((f"jump {SERVE}",), "type nat hook output priority -100"),
        "postrouting": nft.Chain(
            (
                f"meta mark {FROM_OUTSIDE} {to_node}",
                f"{ip} saddr . {ip} daddr @hairpins {to_node}",
                f"{ip} saddr {family.pods} {ip} daddr != {family.pods} {to_node}",
            ),
            "type nat hook postrouting priority srcnat",
        ),
        "forward": nft.Chain(
            (*established, f"{ip} saddr vmap @egress", f"goto {ARRIVE}"),
            "type filter hook forward priority filter",
        ),
        "input": nft.Chain(
            (*established, f"{ip} saddr vmap @egress"), "type filter hook input priority filter"
        ),
        "output": nft.Chain(
            (f"ct state new jump {UNSERVED}",), "type filter hook output priority filter"
        ),
        ARRIVE: nft.Chain((f"{ip} daddr vmap @ingress", f"jump {UNSERVED}", *arrived, "accept")),
    }
    return ruleset
