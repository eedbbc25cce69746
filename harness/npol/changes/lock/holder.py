"""Which process a run is, and whether that process still lives, as seen from its machine."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from dataclasses import dataclass

import psutil

NEAR = 2.0
"""Seconds by which two readings of one moment may differ: clocks are slewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process for people (`host`, `pid`, `user`) and for a comparison (`process`)."""

    host: str
    pid: int
    user: str
    process: str
    """
    Machine, its start, that of process 1, that of the process; "" where the system does not tell.

    Containers of one machine have a process 1 each, and the same numbers mean others there.
    """


def myself() -> Identity:
    pid = os.getpid()
    return Identity(host=socket.gethostname(), pid=pid, user=_user(), process=_process(pid))


def alive(process: str, pid: int) -> bool | None:
    """
    Whether a recorded process lives; None where this machine cannot tell.

    That its number is free shows that it ended. That its number has another start does not:
    clocks are set, and starts with them.
    """
    here = _machine()
    then, _, started = process.rpartition("/")
    if not here or not started or not _same(here, then):
        return None
    now = _started(pid)
    if now is None:
        return False
    return True if abs(now - float(started)) <= NEAR else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _process(pid: int) -> str:
    machine, started = _machine(), _started(pid)
    return f"{machine}/{started:.2f}" if machine and started is not None else ""


def _machine() -> str:
    """`laptop-2485a9c1f2/1764380000.00/0.01`; "" where process 1 is not shown."""
    first = _started(1)
    if first is None:
        return ""
    return f"{socket.gethostname()}-{uuid.getnode():x}/{psutil.boot_time():.2f}/{first:.2f}"


def _same(here: str, then: str) -> bool:
    """Whether two readings are of one machine since one start of it, and of one container."""
    name, *times = here.rsplit("/", 2)
    other, *others = then.rsplit("/", 2)
    if name != other or len(others) != len(times):
        return False
    pairs = zip(map(float, times), map(float, others), strict=True)
    return all(abs(a - b) <= NEAR for a, b in pairs)


def _started(pid: int) -> float | None:
    """Seconds from the machine's start to the process's; None for one that is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            return process.create_time() - psutil.boot_time()
    except (psutil.Error, OSError):
        return None
