"""Which process a run is, and whether that process still lives, as seen from its machine."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process for people (`host`, `pid`, `user`) and for a comparison (`process`)."""

    host: str
    pid: int
    user: str
    process: str
    """Machine boot, pid namespace and start time; "" where the system does not tell."""


def myself() -> Identity:
    pid = os.getpid()
    return Identity(host=socket.gethostname(), pid=pid, user=_user(), process=_process(pid))


def alive(process: str, pid: int) -> bool | None:
    """Whether a recorded process lives; None where this machine cannot tell."""
    machine = _machine()
    if not machine or not process.startswith(f"{machine}/"):
        return None
    return _process(pid) == process


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _process(pid: int) -> str:
    machine, started = _machine(), _started(pid)
    return f"{machine}/{started}" if machine and started else ""


def _machine() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time in clock ticks since the boot; "" for a process that is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
