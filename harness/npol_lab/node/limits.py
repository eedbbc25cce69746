"""How much of the machine a container may use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from npol.api_rules.objects import Obj
from npol.api_rules.quantity import amount

MEMORY = 1 << 30
WRITTEN = 256 << 20
"""Of what a manifest sets no limit to, in bytes."""
PROCESSES = 512
"""Of one pod, threads among them; a source asks 128 questions at once, some processes each."""
PODS = 250
"""Of one node that have not finished, those on its own network among them."""
FILES = 4096
FILES_WRITTEN = 65536
SIGNALS, MESSAGE_QUEUES = 1024, 128 << 10
"""Signals that wait, and bytes of message queues: counted for the user who started the lab, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory: int = MEMORY
    written: int = WRITTEN
    """Bytes outside of volumes."""

    @property
    def by_name(self) -> dict[str, int]:
        """What the kernel holds each process to; see `isolation.launch`."""
        return {
            "processes": PROCESSES,
            "files": FILES,
            "core": 0,
            "signals": SIGNALS,
            "message_queues": MESSAGE_QUEUES,
        }


def limits_of(container: Obj) -> Limits:
    """By `resources.limits`, or what the lab grants."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return Limits(
        memory=_granted(limits.get("memory"), MEMORY),
        written=_granted(limits.get("ephemeral-storage"), WRITTEN),
    )


def size_of(empty_dir: Obj | None) -> int:
    """Bytes of an `emptyDir`."""
    return _granted((empty_dir or {}).get("sizeLimit"), WRITTEN)


def _granted(asked: str | int | None, otherwise: int) -> int:
    """What is asked, up to what all pods may use. 0 is none: a tmpfs of size 0 has no limit."""
    wanted = int(amount(asked or 0))
    return min(wanted, capacity()) if wanted > 0 else otherwise


def capacity() -> int:
    """Bytes that all pods of a lab may use: half of the machine's memory."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024 // 2
    return MEMORY


def own_memory() -> int:
    """Bytes that the lab's own process may use: manifests say how much it has to think of."""
    return max(512 << 20, capacity() // 2)


def most_processes(kernel: Path = Path("/proc/sys/kernel")) -> int:
    """What all pods of a lab may have: half of the machine's."""
    return min(int((kernel / name).read_text()) for name in ("pid_max", "threads-max")) // 2
