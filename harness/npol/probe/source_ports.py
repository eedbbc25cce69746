"""
Which source port a probe leaves from, so that it can be recognised. Pure: time passed in.

The kernel never hands these ports out, and none of them comes back while anything on the way
may still know it: a port in TIME_WAIT (60 s) cannot be bound, not even towards another
destination, and what follows a UDP packet in its conntrack entry (up to 180 s) passes as
established, whatever the policies say by then.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections import deque
from collections.abc import Collection, Iterable

from npol.model.probe import PodRef
from npol.probe.toolbox import Toolbox

REST = 180.0
"""Seconds after a probe in which its port is not used again."""
LOWEST, HIGHEST = 20000, 65535
"""Below are the ports of well-known services, and of a node's own (the kubelet's is 10250)."""
NODE_PORTS = (30000, 32767)


def usable_ports(ephemeral: tuple[int, int], bound: Collection[int]) -> list[int]:
    """
    The ports to choose from; none where the kernel hands all of them out itself.

    Args:
        ephemeral: the first and the last port that the kernel chooses by itself.
        bound: what other sockets of that network namespace are bound to.
    """
    taken = (ephemeral, NODE_PORTS)
    return [
        port
        for port in range(LOWEST, HIGHEST + 1)
        if port not in bound and not any(first <= port <= last for first, last in taken)
    ]


class SourcePorts:
    """The ports of one network namespace, and which of them rests until when. Thread-safe."""

    def __init__(self, ports: Iterable[int]) -> None:
        """`ports`: in the order in which they are used."""
        self._free = deque(ports)
        self._resting: list[tuple[float, int]] = []
        self._lock = threading.Lock()

    def take(self, now: float, life: float) -> int | None:
        """
        A port for one probe, or None while all of them are in use or rest.

        Args:
            now: seconds of one monotonic clock.
            life: seconds after which the probe is over, however it ends.
        """
        with self._lock:
            while self._resting and self._resting[0][0] <= now:
                self._free.append(heapq.heappop(self._resting)[1])
            if not self._free:
                return None
            port = self._free.popleft()
            heapq.heappush(self._resting, (now + life + REST, port))
            return port


class PortPools:
    """The source ports of every network namespace that is asked from. Thread-safe."""

    def __init__(self) -> None:
        self._pools: dict[str, SourcePorts] = {}
        self._lock = threading.Lock()

    def of(self, source: PodRef, box: Toolbox) -> SourcePorts:
        """Those of a pod, which all pods in their node's own network namespace share."""
        where = f"node {source.node}" if source.host_network else source.uid
        with self._lock:
            if where not in self._pools:
                self._pools[where] = SourcePorts(_shuffled(box))
            return self._pools[where]


def _shuffled(box: Toolbox) -> list[int]:
    """In an order of its own: another run may have asked from the same pod a moment ago."""
    ports = usable_ports(box.ephemeral, box.bound)
    random.shuffle(ports)
    return ports
