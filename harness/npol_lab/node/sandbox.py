"""What a node needs of the network that a pod lives in."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Literal
from typing import Protocol as Interface

from npol.api_rules.objects import Obj

Protocol = Literal["TCP", "UDP"]


class Sandbox(Interface):
    """A pod's network, with the pause process that holds the pod's namespaces."""

    @property
    def ips(self) -> tuple[str, ...]:
        """The pod's addresses, one of each family of the cluster."""
        ...

    @property
    def owner(self) -> int:
        """The lab's user that the pod's root is."""
        ...

    async def make_root(self, plan: Obj) -> int:
        """
        A descriptor of a mount namespace for a container; see `isolation.container_root`.

        Raises:
            OSError: the kernel said no.
        """
        ...

    async def run(
        self, root: int, order: Obj, status: int, streams: Sequence[int]
    ) -> tuple[int, int | None]:
        """
        A program in a container: its process id, and its terminal; see `Pauses.run`.

        Raises:
            CannotStart: there is no such program.
            OSError: the kernel said no.
        """
        ...

    async def end_all(self) -> None:
        """Kill every program of the pod at once, also of one that does nothing but fork."""
        ...

    def listen(self, port: int, protocol: Protocol, host: str = "") -> socket.socket:
        """
        A bound, non-blocking socket made inside the pod's network namespace; no host: any.

        Raises:
            OSError: the port is taken.
        """
        ...

    def socket(self, protocol: Protocol, towards: str = "") -> socket.socket:
        """The same, neither bound nor connected, for an address of the family of `towards`."""
        ...


class Network(Interface):
    """Where sandboxes come from."""

    async def add_pod(self, pod: Obj) -> Sandbox: ...

    async def remove_pod(self, uid: str) -> None: ...

    def node_socket(
        self, node: str, protocol: Protocol = "TCP", towards: str = ""
    ) -> socket.socket:
        """A non-blocking socket of the node's own network: what kubelet probes come from."""
        ...

    def node_addresses(self, node: str) -> tuple[str, ...]: ...
