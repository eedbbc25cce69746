"""
Links, addresses and routes.

Every function works on the network namespace of the thread that calls it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from npol_lab.families import IPV4, IPV6, Family, family_of
from npol_lab.isolation.namespaces import inside
from npol_lab.net import netlink
from npol_lab.net.netlink import End, Netlink, Request

HOST_MAC = "ee:ee:ee:ee:ee:ee"
POD_MAC = "ee:ee:ee:ee:ee:01"
"""Fixed on purpose: both ends know each other without ARP, whose table all namespaces share."""
POD_LINK = "eth0"
LOOPBACK = 1
POD_INDEX = 100
"""Of a pod's link. A new namespace may come with a few tunnels, which have the numbers from 2."""

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


_IPV6_SETTINGS = {
    "all/disable_ipv6": "0",
    "default/disable_ipv6": "0",
    "all/accept_dad": "0",
    "default/accept_dad": "0",
    "default/router_solicitations": "0",
}
"""Addresses can be used at once, link-local ones too; there are no routers but those set."""


def make_router(families: Sequence[Family]) -> None:
    """Let this namespace pass packets on, whatever the host's own settings are."""
    for name, value in _SETTINGS.items():
        Path("/proc/sys", name).write_text(value)
    prepare(families)
    if IPV6 in families:
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


def prepare(families: Sequence[Family]) -> None:
    """Before a namespace gets its links: IPv6 as the lab needs it, or not at all."""
    settings = Path("/proc/sys/net/ipv6/conf")
    if IPV6 in families:
        for name, value in _IPV6_SETTINGS.items():
            (settings / name).write_text(value)
    elif settings.exists():
        (settings / "all/disable_ipv6").write_text("1")


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

    def plug(self, name: str, netns: str, *ips: str) -> None:
        """Join a pod: its addresses in its namespace, every packet of it routed through ours."""
        with inside(netns):
            prepare([family_of(ip) for ip in ips])
            pod = Netlink()
        index = self._plugged[name] = next(self._numbers)
        near = End(name=name, index=index, mac=HOST_MAC)
        far = End(name=POD_LINK, index=POD_INDEX, mac=POD_MAC)
        with contextlib.closing(pod), _opened(netns) as handle:
            self._netlink.ask(
                netlink.add_veth(near, far, netns=handle),
                *(r for ip in ips for r in _to_pod(index, ip, family_of(ip))),
            )
            pod.ask(
                netlink.set_up(LOOPBACK),
                netlink.set_up(POD_INDEX),
                *(r for ip in ips for r in _in_pod(ip, family_of(ip))),
            )

    def unplug(self, name: str) -> None:
        """Remove our end, and so the pair; gone already, with the pod's namespace, is fine."""
        index = self._plugged.pop(name, 0)
        if index:
            with contextlib.suppress(OSError):
                self._netlink.ask(netlink.delete_link(index))

    def close(self) -> None:
        self._netlink.close()


def _to_pod(index: int, ip: str, family: Family) -> Iterator[Request]:
    """The way to a pod's address, in its node."""
    yield netlink.add_neighbour(index, ip, POD_MAC)
    yield netlink.add_route(f"{ip}/{family.host}", index=index)


def _in_pod(ip: str, family: Family) -> Iterator[Request]:
    """A pod's address and the way out; to a link-local gateway IPv6 needs no route."""
    yield netlink.add_address(POD_INDEX, ip, family.host)
    yield netlink.add_neighbour(POD_INDEX, family.gateway, HOST_MAC)
    if family is IPV4:
        yield netlink.add_route(f"{family.gateway}/{family.host}", index=POD_INDEX)
    yield netlink.add_route(family.everywhere, gateway=family.gateway, index=POD_INDEX)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
