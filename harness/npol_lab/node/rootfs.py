"""A container's root directory: the image's programs, the pod's files, the volumes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from npol.api_rules.objects import Obj
from npol_lab.node.cgroups import Group
from npol_lab.node.limits import FILES_WRITTEN, Limits
from npol_lab.node.sandbox import Sandbox
from npol_lab.node.shared_rootfs import Base


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """`below` of the directory `source` appears at the absolute path `at`."""

    source: str
    below: str
    at: str
    directory: bool
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RootPlan:
    """What a container's root is made of."""

    toolset: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Text by path relative to the root: of the image, and /etc/hosts, /etc/resolv.conf."""
    links: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()


class Root:
    """The mount namespace of one run of a container. Nothing of it exists before `build`."""

    def __init__(self, base: Base, sandbox: Sandbox, limits: Limits) -> None:
        self._base = base
        self.sandbox = sandbox
        self.limits = limits
        self._out_of_memory = False
        self.identity = ""
        """Of the mount namespace, as links below /proc name it."""
        self.group = Group(directories=())
        self._handle = -1

    @property
    def built(self) -> bool:
        return self._handle >= 0

    @property
    def handle(self) -> int:
        """A descriptor of the mount namespace."""
        return self._handle

    @property
    def out_of_memory(self) -> bool:
        """Whether processes were ended because they used too much."""
        return self._out_of_memory or self.group.out_of_memory

    def end_for_memory(self, pids: list[int]) -> None:
        self._out_of_memory = True
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def build(self, plan: RootPlan) -> None:
        """
        Raises:
            OSError: a mount was refused.
        """
        self._base.ensure()
        whole: Obj = {
            **asdict(plan),
            "base": str(self._base.base),
            "dev": str(self._base.dev),
            "at": str(self._base.at),
            "size": self.limits.written,
            "inodes": FILES_WRITTEN,
        }
        self._handle = await self.sandbox.make_root(whole)
        self.identity = f"mnt:[{os.fstat(self._handle).st_ino}]"

    def processes(self) -> list[int]:
        """Everything that runs in the container: what is in its mount namespace."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and self.built and mounts_of(Path("/proc", entry)) == self.identity:
                found.append(int(entry))
        return found

    def remove(self) -> None:
        """With the last process in it the namespace goes, and all that was written there."""
        if self.built:
            os.close(self._handle)
            self._handle = -1
        self.group.remove()


def mounts_of(process: Path) -> str:
    try:
        return os.readlink(process / "ns/mnt")
    except OSError:
        return ""
