"""The namespaces of one pod (or node), as seen by who runs programs and servers in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from socket import AF_INET, SO_REUSEADDR, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET
from socket import socket as Socket
from typing import Literal

from npol.api_rules.objects import Obj
from npol_lab.isolation.namespaces import inside
from npol_lab.pause_processes import Pauses

Protocol = Literal["TCP", "UDP"]
BACKLOG = 1024


def socket_in(netns: str, protocol: Protocol) -> Socket:
    """A new, non-blocking IPv4 socket of a network namespace, neither bound nor connected."""
    kind = SOCK_STREAM if protocol == "TCP" else SOCK_DGRAM
    with inside(netns):
        return Socket(AF_INET, kind | SOCK_NONBLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A pod's network, process, host name and IPC namespaces, held by a pause process."""

    uid: str
    ip: str
    node: str
    netns: str
    """Path of the network namespace: `/proc/PID/ns/net`."""
    pid: int
    """The pause process. It is init of the pod's process namespace: with it all end."""
    pauses: Pauses

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

    def socket(self, protocol: Protocol = "TCP") -> Socket:
        """A new IPv4 socket that belongs to the pod, non-blocking, served by our own loop."""
        return socket_in(self.netns, protocol)

    def listen(self, port: int, protocol: Protocol = "TCP", host: str = "0.0.0.0") -> Socket:
        """
        A socket bound in the pod, listening where the protocol knows that.

        Raises:
            OSError: the port is taken in this pod.
        """
        made = self.socket(protocol)
        try:
            if protocol == "TCP":
                made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            made.bind((host, port))
            if protocol == "TCP":
                made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
        return made
