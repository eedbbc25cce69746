"""
Links, addresses and routes: the one door to netlink.

Every function works on the network namespace of the thread that calls it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyroute2 import IPRoute, NetlinkError  # type: ignore[import-untyped]  # pyroute2 ships no types

from harness.lab.net.namespaces import inside

GATEWAY = "169.254.1.1"
"""What every pod takes for its router; no interface carries it, as with Calico."""
HOST_MAC = "ee:ee:ee:ee:ee:ee"
POD_MAC = "ee:ee:ee:ee:ee:01"
"""Fixed on purpose: both ends know each other without ARP, whose table all namespaces share."""
POD_LINK = "eth0"
_LINK_SCOPE = 253
_PERMANENT = 0x80

_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/arp_ignore": "0",
    "net/ipv4/conf/all/arp_announce": "0",
}
"""A new namespace takes over some of the host's settings, so all that matter are set."""


def make_router() -> None:
    """Let this namespace pass packets on, whatever the host's own settings are."""
    for name, value in _SETTINGS.items():
        Path("/proc/sys", name).write_text(value)
    without_ipv6()


def without_ipv6() -> None:
    """The lab has IPv4 only, and a kernel may lack the rest."""
    switch = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    if switch.exists():
        switch.write_text("1")


@dataclass
class Links:
    """The links of one namespace, made in the thread that uses them."""

    _netlink: IPRoute = field(default_factory=IPRoute)
    _indices: dict[str, int] = field(default_factory=dict)

    def _index(self, name: str) -> int:
        if name not in self._indices:
            self._indices[name] = self._netlink.link_lookup(ifname=name)[0]
        return self._indices[name]

    def up(self, name: str) -> None:
        self._netlink.link("set", index=self._index(name), state="up")

    def bridge(self, name: str) -> None:
        self._netlink.link("add", ifname=name, kind="bridge")
        self.up(name)

    def address(self, name: str, address: str, length: int) -> None:
        self._netlink.addr("add", index=self._index(name), address=address, prefixlen=length)

    def route(self, destination: str, gateway: str) -> None:
        self._netlink.route("add", dst=destination, gateway=gateway)

    def cable(self, name: str, netns: str, *, far: str = POD_LINK, bridge: str = "") -> None:
        """A veth pair with the end `far` in another namespace; our end may join a bridge."""
        with _opened(netns) as handle:
            peer = {"ifname": far, "net_ns_fd": handle}
            self._netlink.link("add", ifname=name, kind="veth", peer=peer)
        if bridge:
            self._netlink.link("set", index=self._index(name), master=self._index(bridge))
        self.up(name)

    def plug(self, name: str, netns: str, ip: str) -> None:
        """Join a pod: `ip`/32 in its namespace, every packet of it routed through ours."""
        with _opened(netns) as handle:
            peer = {"ifname": POD_LINK, "net_ns_fd": handle, "address": POD_MAC}
            self._netlink.link("add", ifname=name, kind="veth", address=HOST_MAC, peer=peer)
        self.up(name)
        index = self._index(name)
        _configure_pod(netns, ip)
        self._neighbour(index, ip, POD_MAC)
        self._netlink.route("add", dst=f"{ip}/32", oif=index, scope=_LINK_SCOPE)

    def _neighbour(self, index: int, ip: str, mac: str) -> None:
        self._netlink.neigh("replace", dst=ip, lladdr=mac, ifindex=index, state=_PERMANENT)

    def unplug(self, name: str) -> None:
        """Remove our end, and so the pair; gone already is fine."""
        index = self._indices.pop(name, None)
        if index is not None:
            with contextlib.suppress(NetlinkError):
                self._netlink.link("del", index=index)

    def close(self) -> None:
        self._netlink.close()


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _configure_pod(netns: str, ip: str) -> None:
    with inside(netns):
        without_ipv6()
        links = Links()
        try:
            index = links._index(POD_LINK)
            links.up("lo")
            links.address(POD_LINK, ip, 32)
            links.up(POD_LINK)
            links._neighbour(index, GATEWAY, HOST_MAC)
            links._netlink.route("add", dst=f"{GATEWAY}/32", oif=index, scope=_LINK_SCOPE)
            links._netlink.route("add", dst="default", gateway=GATEWAY, oif=index)
        finally:
            links.close()
