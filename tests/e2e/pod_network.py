"""Network namespaces of a lab's pods, from outside: their processes may change nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from npol_lab.session import Lab


def in_network_of(lab: Lab, pid: int) -> list[str]:
    """The beginning of a command there, as the user who made the network: the lab's."""
    owner = f"--user=/proc/{lab._process.pid}/ns/user"
    return ["nsenter", owner, f"--net=/proc/{pid}/ns/net", "--preserve-credentials"]


def processes_with(ip: str) -> Iterator[int]:
    """Those in the network namespace that has an address."""
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"|-- {ip}\n           /32 host LOCAL" in (directory / "net/fib_trie").read_text():
                yield int(directory.name)


def oldest_with(lab: Lab, ip: str) -> int:
    """The one that stays, as what probes start goes again; other labs may have the address."""
    own = (pid for pid in processes_with(ip) if _may_enter(lab, pid))
    return min(own, key=_started)


def _may_enter(lab: Lab, pid: int) -> bool:
    """By what needs a right there: to go in needs none of a root."""
    asked = [*in_network_of(lab, pid), "nft", "list", "tables"]
    return not subprocess.run(asked, capture_output=True).returncode


def _started(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 1 << 62
