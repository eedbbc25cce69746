"""setns(2) and unshare(2): threads that step into network namespaces."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """
    Raises:
        OSError: the kernel said no.
    """
    _checked(_LIBC.unshare(flags), "unshare")


def enter(path: str, kind: int = CLONE_NEWNET) -> None:
    """
    Move the calling thread into the namespace behind a `/proc/PID/ns/...` path, for good.

    Raises:
        OSError: it is gone, or the kernel said no.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_handle(handle, kind)
    finally:
        os.close(handle)


def enter_handle(handle: int, kind: int) -> None:
    """The same, of a namespace that is open already."""
    _checked(_LIBC.setns(handle, kind), "setns")


@contextmanager
def inside(path: str) -> Iterator[None]:
    """
    Let the calling thread be in a network namespace for a moment (about 15 microseconds).

    Nothing may be awaited within: other tasks of the thread would be moved, too.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(path)
        try:
            yield
        finally:
            _checked(_LIBC.setns(home, CLONE_NEWNET), "setns back")
    finally:
        os.close(home)
