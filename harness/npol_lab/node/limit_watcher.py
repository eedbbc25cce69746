"""
What containers use, summed up: a cgroup cannot be made everywhere, and counts files, too.

The kernel holds each process to its limits, and a pod to its number of processes. That
the processes of a container use too much memory together only the sum shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from pathlib import Path

from npol_lab.node.limits import capacity
from npol_lab.node.rootfs import Root, mounts_of

OFTEN, SHARE = 0.1, 20
"""Seconds between two looks, and how many times longer than a look at least."""
MANY, NEARLY, LOOKS = 400, 448, 10
"""
So many processes are a bomb: at once, or in so many looks on end. At its limit a bomb has
fewer, for those that ended and are not yet waited for count there, and are not seen here.
"""
PAGE = os.sysconf("SC_PAGE_SIZE")


class LimitWatcher:
    """Ends what exceeds its limits: a container's processes, or all of a pod that only forks."""

    def __init__(self, proc: Path = Path("/proc"), *, most: int | None = None) -> None:
        self._proc = proc
        self._most = capacity() if most is None else most
        self._roots: dict[str, Root] = {}
        self._looks: dict[Root, int] = {}
        """In how many looks on end a container had many processes."""

    def add(self, root: Root) -> None:
        self._roots[root.identity] = root

    def remove(self, root: Root) -> None:
        self._roots.pop(root.identity, None)

    async def run(self) -> None:
        """Until cancelled."""
        pause = OFTEN
        while True:
            await asyncio.sleep(pause)
            started = time.perf_counter()
            if self._roots:
                await self._look()
            pause = max(OFTEN, SHARE * (time.perf_counter() - started))

    async def _look(self) -> None:
        running = self._running()
        used = {root: self._memory(root, pids) for root, pids in running.items()}
        for root, memory in used.items():
            if memory > root.limits.memory:
                root.end_for_memory(running[root])
        if sum(used.values()) > self._most:
            largest = max(used, key=lambda root: used[root])
            largest.end_for_memory(running[largest])
        many = [root for root, pids in running.items() if len(pids) >= MANY]
        self._looks = {root: self._looks.get(root, 0) + 1 for root in many}
        for root, looks in self._looks.items():
            if looks >= LOOKS or len(running[root]) >= NEARLY:
                with contextlib.suppress(OSError):  # the pod has gone by itself
                    await root.sandbox.end_all()

    def _running(self) -> dict[Root, list[int]]:
        found = defaultdict(list)
        for entry in os.listdir(self._proc):
            if entry.isdigit():
                root = self._roots.get(mounts_of(self._proc / entry))
                if root is not None:
                    found[root].append(int(entry))
        return found

    def _memory(self, root: Root, pids: list[int]) -> int:
        """An estimate that is never too low; the exact sum, which costs more, when that is high."""
        estimate = sum(self._resident(pid) for pid in pids)
        return estimate if estimate <= root.limits.memory else sum(self._own(pid) for pid in pids)

    def _resident(self, pid: int) -> int:
        try:
            return int((self._proc / str(pid) / "statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):
            return 0

    def _own(self, pid: int) -> int:
        """Without what is in files; what several share counts once."""
        try:
            text = (self._proc / str(pid) / "smaps_rollup").read_text()
        except OSError:
            return 0
        lines = [line.split() for line in text.splitlines()]
        return sum(int(w[1]) * 1024 for w in lines if w[0] in ("Pss_Anon:", "Pss_Shmem:"))
