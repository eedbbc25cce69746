"""mount(2) and umount2(2): a container's file system is made of bind mounts."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_REC = 0x4000
MNT_DETACH = 0x2

_LOCKED = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """
    Raises:
        OSError: the kernel said no.
    """
    arguments = (source.encode(), os.fsencode(target), kind.encode(), flags, data.encode())
    source_, target_, kind_, flags_, data_ = arguments
    if _LIBC.mount(source_, target_, kind_, ctypes.c_ulong(flags_), data_) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def bind(source: Path, target: Path, *, recursive: bool = False) -> None:
    """Show `source` at `target`, which must exist and be of the same kind."""
    mount(str(source), target, flags=MS_BIND | (MS_REC if recursive else 0))


def make_read_only(target: Path) -> None:
    """A user namespace may not drop the flags that a mount came with, so they are kept."""
    flags = os.statvfs(target).f_flag & _LOCKED
    mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | flags)


def bind_read_only(source: Path, target: Path, *, recursive: bool = False) -> None:
    bind(source, target, recursive=recursive)
    make_read_only(target)


def unmount(target: Path) -> None:
    """
    Take away a mount and what is mounted below it.

    Raises:
        OSError: the kernel said no.
    """
    if _LIBC.umount2(os.fsencode(target), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
