"""How much a source is asked at once: as its limits allow, and less where it has starved."""

from __future__ import annotations

from collections.abc import Iterable

from npol.model.probe import Answer
from npol.probe.bulk_connect import BULK_TOOL
from npol.probe.bundle import MANY, MANY_BY_PYTHON, MANY_FOR_THE_STARVED
from npol.probe.toolbox import Toolbox

AT_ONCE = 96
"""The weight of probes under way, where the source's limits set no lower one."""
MEMORY, CPU = 1 << 20, 0.0025
"""Bytes, and seconds of the CPU, for one unit of weight (measured: 0.4 MiB, 2.2 ms)."""
MEMORY_SHARE, BURST = 0.5, 0.5
"""The share of the memory that probes may take, and the seconds that starting them may."""
PROCESSES, PROCESS_SHARE = 4, 0.75
"""For one unit of weight (two of the shell, `timeout`, the tool), and the share they may take."""
LEAST = 4
SLOWER, FASTER, SLOWEST = 0.5, 1.25, 0.1
"""What the pace is multiplied by after a round that starved and after others, and its least."""


class ProbePace:
    """The share of `at_once` that is used: less after a round in which the source starved."""

    def __init__(self, *, ends_early: bool = True) -> None:
        """`ends_early`: whether probes may be ended by what records tell."""
        self._share = 1.0
        self._ends_early = ends_early

    def many(self, box: Toolbox) -> int:
        """Connections of a round from which on they are bundled."""
        if self._share < 1.0:
            return MANY_FOR_THE_STARVED
        return MANY if self._ends_early or not box.has(BULK_TOOL) else MANY_BY_PYTHON

    def limit(self, box: Toolbox) -> int:
        """The weight that may be under way."""
        return max(LEAST, int(self._share * at_once(box)))

    def note(self, answers: Iterable[Answer]) -> None:
        """The next round is asked at the pace that this one has shown to be good."""
        starved = any(answer.starved for answer in answers)
        slower, faster = max(SLOWEST, self._share * SLOWER), min(1.0, self._share * FASTER)
        self._share = slower if starved else faster


def at_once(box: Toolbox) -> int:
    """How much weight may be under way: a starved source sees silence where there is none."""
    limits = [float(AT_ONCE)]
    if box.memory is not None:
        limits.append(box.memory * MEMORY_SHARE / MEMORY)
    if box.cpus is not None:
        limits.append(box.cpus * BURST / CPU)
    if box.processes is not None:
        limits.append(box.processes * PROCESS_SHARE / PROCESSES)
    return max(LEAST, int(min(limits)))
