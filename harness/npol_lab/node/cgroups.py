"""
Control groups: the kernel's own lid on a container, where the lab may make groups.

It may where it runs as root, or in a part of the tree that was given to its user. Both
versions are known: of the first, one tree for memory and one for processes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npol_lab.cgroup_trees import PREFIX, places
from npol_lab.node.limits import PROCESSES, Limits, capacity, most_processes

ROOM = 128 << 20
"""Bytes for what is no program's own: shared memory, buffers of sockets."""
_LID = {"memory": ("memory.max", "memory.limit_in_bytes"), "pids": ("pids.max", "pids.max")}
_EVENTS = ("memory.events", "memory.oom_control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The groups of one run of a container, one in each tree."""

    directories: tuple[Path, ...]

    @property
    def entries(self) -> list[str]:
        """Files to which a process writes 0 to enter."""
        return [str(directory / "cgroup.procs") for directory in self.directories]

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process for it."""
        for directory in self.directories:
            for name in _EVENTS:
                with contextlib.suppress(OSError):
                    if _counted((directory / name).read_text()).get("oom_kill", 0):
                        return True
        return False

    def remove(self) -> None:
        for directory in self.directories:
            with contextlib.suppress(OSError):  # a process is on its way out; `sweep` comes again
                directory.rmdir()


class Groups:
    """Where one lab makes its groups."""

    def __init__(self, trees: Mapping[str, Path]) -> None:
        """`trees`: the lab's directory by controller; one for all with version 2."""
        self._trees = trees

    def make(self, name: str, limits: Limits) -> Group:
        """What cannot be made or limited is left out: others watch, too."""
        lids = {"memory": limits.memory + limits.written + ROOM, "pids": PROCESSES}
        made: list[Path] = []
        for controller, tree in self._trees.items():
            directory = tree / name
            with contextlib.suppress(OSError):
                directory.mkdir(parents=True, exist_ok=True)
                _limit(directory, controller, lids[controller])
                made.append(directory)
        return Group(directories=tuple(dict.fromkeys(made)))


def _limit(directory: Path, controller: str, lid: int) -> None:
    """
    Raises:
        OSError: the group has no such controller.
    """
    first, second = _LID[controller]
    name = first if (directory / first).exists() else second
    with open(directory / name, "r+") as file:
        file.write(str(lid))


def _counted(text: str) -> dict[str, int]:
    return {w[0]: int(w[1]) for w in map(str.split, text.splitlines()) if len(w) == 2}


def groups(lab: str, proc: Path = Path("/proc/self")) -> Groups:
    """The trees in which this process may make groups for a lab; there may be none."""
    trees = {}
    for controllers, candidates in places(proc):
        for place in candidates:
            directory = place / f"{PREFIX}{lab}"
            if _usable(directory, controllers):
                _limit_all(directory, controllers)
                trees.update(dict.fromkeys(controllers, directory))
                break
    return Groups(trees)


def _limit_all(directory: Path, controllers: tuple[str, ...]) -> None:
    """Of a whole lab: the files in its volumes and the memory of the kernel count here, too."""
    lids = {"memory": capacity(), "pids": most_processes()}
    for controller in controllers:
        with contextlib.suppress(OSError):
            _limit(directory, controller, lids[controller])


def _usable(directory: Path, controllers: tuple[str, ...]) -> bool:
    """Whether groups with limits can be made below it, which is made here."""
    try:
        directory.mkdir(exist_ok=True)
        if (directory / "cgroup.subtree_control").exists():
            wanted = " ".join(f"+{controller}" for controller in controllers)
            (directory / "cgroup.subtree_control").write_text(wanted)
        probe = directory / "probe"
        probe.mkdir()
        limited = all(any((probe / n).exists() for n in _LID[c]) for c in controllers)
        probe.rmdir()
    except OSError:
        limited = False
    if not limited:
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    return limited
