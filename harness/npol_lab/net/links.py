"""
Links, addresses and routes.

Every function works on the network namespace of the thread that calls it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from npol_lab.isolation.namespaces import inside
from npol_lab.net import netlink
from npol_lab.net.netlink import End, Netlink

GATEWAY = "169.254.1.1"
"""What every pod takes for its router; no interface carries it, as with Calico."""
HOST_MAC = "ee:ee:ee:ee:ee:ee"
POD_MAC = "ee:ee:ee:ee:ee:01"
"""Fixed on purpose: both ends know each other without ARP, whose table all namespaces share."""
POD_LINK = "eth0"
LOOPBACK = 1
POD_INDEX = 100
"""Of a pod's link. A new namespace may come with a few tunnels, which have the numbers from 2."""
EVERYWHERE = "0.0.0.0/0"

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


class Links:
    """The links of one namespace, made in a thread that is in it."""

    def __init__(self) -> None:
        self._netlink = Netlink()
        self._numbers = itertools.count(POD_INDEX)
        self._plugged: dict[str, int] = {}

    def up(self, name: str) -> None:
        self._netlink.ask(netlink.set_up(socket.if_nametoindex(name)))

    def bridge(self, name: str) -> None:
        self._netlink.ask(netlink.add_bridge(name))

    def address(self, name: str, address: str, length: int) -> None:
        index = socket.if_nametoindex(name)
        self._netlink.ask(netlink.add_address(index, address, length))

    def route(self, destination: str, gateway: str) -> None:
        self._netlink.ask(netlink.add_route(destination, gateway=gateway))

    def cable(self, name: str, netns: str, *, bridge: str = "") -> None:
        """A veth pair to POD_LINK of another namespace, down there; our end may join a bridge."""
        master = socket.if_nametoindex(bridge) if bridge else 0
        with _opened(netns) as handle:
            near, far = End(name=name), End(name=POD_LINK)
            self._netlink.ask(netlink.add_veth(near, far, netns=handle, master=master))

    def plug(self, name: str, netns: str, ip: str) -> None:
        """Join a pod: `ip`/32 in its namespace, every packet of it routed through ours."""
        with inside(netns):
            without_ipv6()
            pod = Netlink()
        index = self._plugged[name] = next(self._numbers)
        near = End(name=name, index=index, mac=HOST_MAC)
        far = End(name=POD_LINK, index=POD_INDEX, mac=POD_MAC)
        with contextlib.closing(pod), _opened(netns) as handle:
            self._netlink.ask(
                netlink.add_veth(near, far, netns=handle),
                netlink.add_neighbour(index, ip, POD_MAC),
                netlink.add_route(f"{ip}/32", index=index),
            )
            pod.ask(
                netlink.set_up(LOOPBACK),
                netlink.set_up(POD_INDEX),
                netlink.add_address(POD_INDEX, ip, 32),
                netlink.add_neighbour(POD_INDEX, GATEWAY, HOST_MAC),
                netlink.add_route(f"{GATEWAY}/32", index=POD_INDEX),
                netlink.add_route(EVERYWHERE, gateway=GATEWAY, index=POD_INDEX),
            )

    def unplug(self, name: str) -> None:
        """Remove our end, and so the pair; gone already, with the pod's namespace, is fine."""
        index = self._plugged.pop(name, 0)
        if index:
            with contextlib.suppress(OSError):
                self._netlink.ask(netlink.delete_link(index))

    def close(self) -> None:
        self._netlink.close()


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
