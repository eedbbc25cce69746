"""
Which source port a probe leaves from, so that it can be recognised. Pure: time passed in.

The kernel never hands these ports out, and none of them comes back while anything on the way
may still know it: a port in TIME_WAIT (60 s) cannot be bound, not even towards another
destination, and what follows a UDP packet in its conntrack entry (up to 180 s) passes as
established, whatever the policies say by then.
"""

from __future__ import annotations

import heapq
import math
import random
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache

from npol.model.probe import PodRef
from npol.probe.toolbox import Toolbox

REST = 180.0
"""Seconds after a probe in which its port is not used again."""
LOWEST, HIGHEST = 20000, 65535
"""Below are the ports of well-known services, and of a node's own (the kubelet's is 10250)."""
NODE_PORTS = (30000, 32767)


@cache
def usable_ports(ephemeral: tuple[int, int]) -> tuple[int, ...]:
    """
    The ports to choose from; none where the kernel hands all of them out itself.

    Args:
        ephemeral: the first and the last port that the kernel chooses by itself.
    """
    taken = (ephemeral, NODE_PORTS)
    return tuple(
        port
        for port in range(LOWEST, HIGHEST + 1)
        if not any(first <= port <= last for first, last in taken)
    )


def scattered(ports: Sequence[int], bound: Collection[int]) -> Iterator[int]:
    """
    All ports but those in `bound`, in an order of its own, one at a time.

    Another run may have asked from the same pod a moment ago, so two orders must not go along
    each other for long. The ports themselves are shared: a hundred sources would otherwise keep
    a hundred lists of 20,000.
    """
    count = len(ports)
    if not count:
        return
    first, stride = random.randrange(count), random.randrange(count)
    while math.gcd(stride, count) != 1:  # else it would not come to all of them
        stride = random.randrange(count)
    for number in range(count):
        port = ports[(first + number * stride) % count]
        if port not in bound:
            yield port


class SourcePorts:
    """The ports of one network namespace, and which of them rests until when. Thread-safe."""

    def __init__(self, ports: Iterable[int]) -> None:
        """`ports`: in the order in which they are used."""
        self._unused = iter(ports)
        self._rested: deque[int] = deque()
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
                self._rested.append(heapq.heappop(self._resting)[1])
            port = next(self._unused, None)
            if port is None and self._rested:
                port = self._rested.popleft()
            if port is not None:
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
                ports = scattered(usable_ports(box.ephemeral), box.bound)
                self._pools[where] = SourcePorts(ports)
            return self._pools[where]
