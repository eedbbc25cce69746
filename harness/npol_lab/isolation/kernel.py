"""System calls that Python has no names for, by ctypes."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

SET_DUMPABLE, SET_NO_NEW_PRIVS, CAPBSET_DROP, SET_SECCOMP = 4, 38, 24, 22
RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT = 0x02, 0x10
_OPENAT2 = 437
_PIVOT_ROOT = 155 if platform.machine() == "x86_64" else 41
_CAPABILITY_VERSION_3 = 0x20080522
_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """
    Raises:
        OSError: the kernel said no.
    """
    words = [ctypes.c_ulong(word) for word in (first, second, 0, 0)]
    _checked(_LIBC.prctl(option, *words), f"prctl {option}")


def hide_memory(hidden: bool = True) -> None:
    """Whether /proc/PID of this process and its forks is closed to who holds no capability here."""
    prctl(SET_DUMPABLE, 0 if hidden else 1)


def set_capabilities(kept: int) -> None:
    """Permitted and effective ones as a bit mask; none is inheritable."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    _checked(_LIBC.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)), "capset")


def set_filter(program: bytes) -> None:
    """Put a seccomp filter in force, of instructions of eight bytes each, for good."""
    kept = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    head_kept = ctypes.create_string_buffer(head, len(head))
    prctl(SET_SECCOMP, 2, ctypes.addressof(head_kept))


def pivot_into(directory: str) -> None:
    """Make a mount point the root of this mount namespace; nothing else stays in it."""
    os.chdir(directory)
    _checked(_LIBC.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _checked(_LIBC.umount2(b".", 2), "umount")
    os.chdir("/")


def open_beneath(root: int, path: str, flags: int, mode: int = 0) -> int:
    """
    Open `path` as if the directory `root` were `/`: neither `..` nor a link leads out of it.

    Raises:
        OSError: there is no such file, or the kernel (before 5.6) has no openat2(2).
    """
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    result = _LIBC.syscall(_OPENAT2, root, os.fsencode(path), how, len(how))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return int(result)
