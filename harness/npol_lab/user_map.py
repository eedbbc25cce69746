"""Which users of the machine the users of a lab are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

STRANGERS = (2_000_000_000, 65534)
"""
A user that nobody on the machine is, for the pods of a lab that root starts; nobody where
that one is not to be had, as in a container with few users.
"""
_WAIT = 'echo; read -r _; exec "$@" </dev/null >&2'


def pods_user(users: Path = Path("/proc/self/uid_map"), *, uid: int | None = None) -> int:
    """
    The machine's user that pods become; 0: the one who started the lab.

    An ordinary user may map no user but itself. What root owns, its labs' pods must not:
    a container's root that is the machine's may read what only file modes protect.
    """
    if (os.geteuid() if uid is None else uid) != 0:
        return 0
    ranges = [[int(word) for word in line.split()] for line in users.read_text().splitlines()]
    for stranger in STRANGERS:
        if any(first <= stranger < first + count for first, _, count in ranges):
            return stranger
    return 0


def waiting(command: list[str]) -> list[str]:
    """The same command in a new user namespace, once `write_maps` has been called."""
    return ["unshare", "--user", "sh", "-c", _WAIT, "sh", *command]


def write_maps(process: subprocess.Popen[bytes], stranger: int) -> None:
    """User 0 of the namespace becomes root and 1 the stranger, unless the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin as go, process.stdout as ready:
        if ready.read(1):
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{name}").write_text(f"0 0 1\n1 {stranger} 1\n")
            go.write(b"\n")
