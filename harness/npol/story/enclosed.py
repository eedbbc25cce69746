"""
Becomes another program, without a network and with a lid on its memory.

    python -I -S enclosed.py PROGRAM [ARGUMENT...]

A process of its own does this: npol has threads when it renders, and nothing but execve(2) is safe
between fork(2) and there.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

MEMORY = 1 << 30
"""Bytes that it may write to. For 15 MB of manifests 256 MiB are enough, in helm and in kubectl."""
NOT_STARTED = 126
_NEW_NETWORK = 0x40000000
_NEW_USER = 0x10000000


def main(command: list[str]) -> int:
    _leave_the_network()
    _limit(resource.RLIMIT_DATA, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.stderr.write(error.strerror or "unknown error")
    return NOT_STARTED


def _leave_the_network() -> None:
    """Into a network namespace that holds nothing; where the machine refuses it, it stays here."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "unshare") and libc.unshare(_NEW_NETWORK):
        libc.unshare(_NEW_NETWORK | _NEW_USER)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
