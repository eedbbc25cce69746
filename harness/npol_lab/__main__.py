"""
`python -m npol_lab`: the inside of a lab, started by `session.py` in new namespaces.

This process becomes the keeper; everything that takes time to import is imported by
its child.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from npol_lab.init import keep
from npol_lab.user_limits import go_first, leave_some_to_others

MNT_DETACH = 2
STATE = "state"
ROOM = b"mode=700,size=10%,nr_inodes=262144"
"""Of what the lab writes for pods; theirs is elsewhere."""


def _mount_state(directory: Path) -> Path:
    """A file system in memory, seen by nobody outside: it goes with the mount namespace."""
    state = directory / STATE
    state.mkdir(mode=0o700)
    kind = b"tmpfs"
    if ctypes.CDLL(None, use_errno=True).mount(kind, os.fsencode(state), kind, 0, ROOM):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(state))
    return state


def _forget(directory: Path) -> None:
    """The directory is the only thing of a lab that its namespaces do not hold."""
    ctypes.CDLL(None).umount2(os.fsencode(directory / STATE), MNT_DETACH)
    with contextlib.suppress(OSError):
        (directory / STATE).rmdir()
        for entry in directory.iterdir():
            entry.unlink()
        directory.rmdir()


def main(settings: dict[str, Any]) -> int:
    directory = Path(settings["directory"])
    os.umask(0o022)
    go_first()
    leave_some_to_others()
    settings["state"] = str(_mount_state(directory))

    def run(keeper: socket.socket) -> None:
        gc.disable()  # what modules make stays: collecting between them finds nothing
        from npol_lab.bootstrap import run_lab

        gc.enable()
        run_lab(settings, keeper)

    return keep(run, tuple(settings["parent"]), lambda: _forget(directory))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[2])))
