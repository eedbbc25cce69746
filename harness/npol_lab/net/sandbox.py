"""The namespaces of one pod (or node), as seen by who runs programs and servers in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
)
from socket import socket as Socket
from typing import Literal

from npol.api_rules.objects import Obj
from npol_lab.families import numeric
from npol_lab.isolation.namespaces import inside
from npol_lab.pause_processes import Pauses

Protocol = Literal["TCP", "UDP"]
BACKLOG = 1024


def socket_in(netns: str, protocol: Protocol, towards: str = "") -> Socket:
    """
    A new, non-blocking socket of a network namespace, neither bound nor connected.

    `towards`: an address of the family that it is for; IPv4 without one.
    """
    kind = SOCK_STREAM if protocol == "TCP" else SOCK_DGRAM
    with inside(netns):
        return Socket(AF_INET6 if ":" in towards else AF_INET, kind | SOCK_NONBLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A pod's network, process, host name and IPC namespaces, held by a pause process."""

    uid: str
    ips: tuple[str, ...]
    """One of each family of the lab, the cluster's first family first."""
    node: str
    netns: str
    """Path of the network namespace: `/proc/PID/ns/net`."""
    pid: int
    """The pause process. It is init of the pod's process namespace: with it all end."""
    pauses: Pauses

    @property
    def ip(self) -> str:
        return self.ips[0]

    @property
    def owner(self) -> int:
        """The lab's user that the pod's root is."""
        return self.pauses.owner

    async def make_root(self, plan: Obj) -> int:
        """See `Pauses`."""
        return await self.pauses.make_root(self.pid, plan)

    async def run(
        self, root: int, order: Obj, status: int, streams: Sequence[int]
    ) -> tuple[int, int | None]:
        """See `Pauses`."""
        return await self.pauses.run(self.pid, root, order, status, streams)

    async def end_all(self) -> None:
        """See `Pauses`."""
        await self.pauses.end_all(self.pid)

    def socket(self, protocol: Protocol = "TCP", towards: str = "") -> Socket:
        """A new socket that belongs to the pod, non-blocking, served by our own loop."""
        return socket_in(self.netns, protocol, towards)

    def listen(self, port: int, protocol: Protocol = "TCP", host: str = "") -> Socket:
        """
        A socket bound in the pod, listening where the protocol knows that.

        Without a host it is all addresses of the pod, of every family, as for Go's programs.

        Raises:
            OSError: the port is taken in this pod, or the host is a name.
        """
        everywhere = "::" if any(":" in ip for ip in self.ips) else "0.0.0.0"
        host = numeric(host) if host else everywhere
        made = self.socket(protocol, host)
        try:
            if host == "::":
                made.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
            if protocol == "TCP":
                made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            made.bind((host, port))
            if protocol == "TCP":
                made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
        return made
