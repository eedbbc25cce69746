"""
The capabilities of a container's programs, within the user namespace of their pod.

Source: the default set of the container runtimes that Kubernetes documents under "Set
capabilities for a Container"; numbers of include/uapi/linux/capability.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npol_lab.isolation import kernel

_NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
    LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER
    SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
    MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
    CHECKPOINT_RESTORE
"""
_DEFAULT = """
    CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW
    SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP
"""
NUMBERS = {name: number for number, name in enumerate(_NAMES.split())}
DEFAULT = frozenset(_DEFAULT.split())


def granted(security: Mapping[str, Any]) -> int:
    """By a container's `securityContext`, as a bit mask."""
    if security.get("privileged"):
        return _mask(frozenset(NUMBERS))
    changes = security.get("capabilities") or {}
    added, dropped = (_named(changes.get(key) or []) for key in ("add", "drop"))
    kept = frozenset() if "ALL" in dropped else DEFAULT - dropped
    return _mask(frozenset(NUMBERS) - dropped if "ALL" in added else kept | added)


def _named(names: list[str]) -> frozenset[str]:
    return frozenset(name.upper().removeprefix("CAP_") for name in names)


def _mask(names: frozenset[str]) -> int:
    return sum(1 << NUMBERS[name] for name in names & NUMBERS.keys())


def keep(mask: int) -> None:
    """Of the calling process and all that it becomes: these at most."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for number in range(last + 1):
        if not mask >> number & 1:
            kernel.prctl(kernel.CAPBSET_DROP, number)
    kernel.set_capabilities(mask & ((1 << (last + 1)) - 1))
