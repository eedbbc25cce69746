"""Network namespaces of a lab's pods, from outside: their processes may change nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from npol_lab.session import Lab

LOCAL = re.compile(r"\|-- (\S+)\n +/32 host LOCAL")
"""An address of its own in what the kernel tells of a namespace's routes."""


def in_network_of(lab: Lab, pid: int) -> list[str]:
    """The beginning of a command there, as the user who made the network: the lab's."""
    owner = f"--user=/proc/{lab._process.pid}/ns/user"
    return ["nsenter", owner, f"--net=/proc/{pid}/ns/net", "--preserve-credentials"]


def processes_with(ip: str) -> Iterator[int]:
    """Those in the network namespace that has an address."""
    return (pid for pid, ips in _processes() if ip in ips)


def oldest_with(lab: Lab, ips: Collection[str]) -> dict[str, int]:
    """
    By address: the process that stays, as what probes start goes again; other labs may have the
    address.
    """
    found: dict[str, list[int]] = {ip: [] for ip in ips}
    for pid, own in _processes():
        for ip in own & found.keys():
            found[ip].append(pid)
    return {
        ip: next(pid for pid in sorted(pids, key=_started) if _may_enter(lab, pid))
        for ip, pids in found.items()
    }


def _processes() -> Iterator[tuple[int, set[str]]]:
    """Each with the addresses of its network namespace."""
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            routes = (directory / "net/fib_trie").read_text()
            yield int(directory.name), set(LOCAL.findall(routes))


def _may_enter(lab: Lab, pid: int) -> bool:
    """By what needs a right there: to go in needs none of a root."""
    asked = [*in_network_of(lab, pid), "nft", "list", "tables"]
    return not subprocess.run(asked, capture_output=True).returncode


def _started(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 1 << 62
