"""What one node's rules decided of first packets: kept for a while, and told at once."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from npol_lab.net import nflog
from npol_lab.net.pods import Pod
from npol_lab.net.policy import Direction

log = logging.getLogger(__name__)

KEPT = 4095
"""Packets that are remembered, as many as by a Cilium agent."""
DENIED: Mapping[Direction, str] = {"ingress": "denied ingress", "egress": "denied egress"}
"""What a rule's log says where no policy allows the packet."""
ARRIVED = "arrived"
"""The same for a pod whose arrivals no policy judges. All else is the chain that allowed it."""
BATCH = 64

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyName:
    """`namespace` "" for policies of the whole cluster."""

    namespace: str
    name: str
    uid: str
    kind: str = "NetworkPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Who has which address, and which policy which chain, in the rules that are in force."""

    pods: Mapping[str, Pod] = field(default_factory=dict)
    namespaces: Mapping[str, Labels] = field(default_factory=dict)
    policies: Mapping[str, PolicyName] = field(default_factory=dict)
    nodes: frozenset[str] = frozenset()
    """Their addresses, and those of places outside: they are nodes in a lab."""
    api_server: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """One packet, with what was known when it came."""

    time: float
    """Seconds since 1970."""
    why: str
    """DENIED, ARRIVED, or the name of a policy's chain."""
    packet: bytes
    known: Identities


@dataclass(frozen=True, slots=True)
class Missing:
    """Packets that nobody could be told of."""

    time: float
    count: int


Entry = Decided | Missing


class FlowLog:
    """Of one node. One event loop owns it."""

    def __init__(self, node: str, addresses: Sequence[str]) -> None:
        self.node = node
        self.addresses = addresses
        self.identities = Identities()
        self.kept: deque[Entry] = deque(maxlen=KEPT)
        self._followers: list[Callable[[Entry], None]] = []
        self._next: int | None = None

    def read(self, source: socket.socket) -> None:
        """Read this NFLOG socket for as long as the running loop runs."""
        asyncio.get_running_loop().add_reader(source, self._take, source)

    def follow(self, tell: Callable[[Entry], None]) -> Callable[[], None]:
        """Have every further entry told; call the result to stop."""
        self._followers.append(tell)
        return lambda: self._followers.remove(tell)

    def _take(self, source: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                data = source.recv(nflog.BUFFER)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # the numbers show how many were lost
            for packet in nflog.packets(data):
                self._note(packet)

    def _note(self, packet: nflog.Logged) -> None:
        now = time.time()
        lost = packet.number - self._next if self._next is not None else 0
        self._next = packet.number + 1
        if lost > 0:
            self._tell(Missing(now, lost))
        self._tell(Decided(now, packet.prefix, packet.packet, self.identities))

    def _tell(self, entry: Entry) -> None:
        self.kept.append(entry)
        for tell in self._followers:
            tell(entry)
