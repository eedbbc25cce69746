"""
The system calls that a container's programs may not make.

Every container has this filter, privileged or not. It refuses what Docker's default
profile leaves out (its documentation names the calls and the reasons), and every call
that is newer than the list.
"""

from __future__ import annotations

import errno
import platform
import struct

from npol_lab.isolation import kernel

_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
NEWEST = 466
"""removexattrat, of Linux 6.13: numbers above are unknown here."""
NAMESPACE_FLAGS = 0x7E020000
SOCKETS = (38, 40)
"""AF_ALG, AF_VSOCK: the kernel's cryptography, and the hypervisor's side of the machine."""
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

_BOTH = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "set_mempolicy_home_node": 450,
}
_X86_64 = {
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "uselib": 134,
    "ustat": 136,
    "sysfs": 139,
    "vhangup": 153,
    "pivot_root": 155,
    "_sysctl": 156,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "iopl": 172,
    "ioperm": 173,
    "create_module": 174,
    "init_module": 175,
    "delete_module": 176,
    "get_kernel_syms": 177,
    "query_module": 178,
    "quotactl": 179,
    "nfsservctl": 180,
    "syslog": 103,
    "lookup_dcookie": 212,
    "clock_settime": 227,
    "vserver": 236,
    "mbind": 237,
    "set_mempolicy": 238,
    "get_mempolicy": 239,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "migrate_pages": 256,
    "unshare": 272,
    "move_pages": 279,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "kcmp": 312,
    "finit_module": 313,
    "kexec_file_load": 320,
    "bpf": 321,
    "userfaultfd": 323,
}
_GENERIC = {
    "lookup_dcookie": 18,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "nfsservctl": 42,
    "vhangup": 58,
    "quotactl": 60,
    "acct": 89,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "syslog": 116,
    "reboot": 142,
    "settimeofday": 170,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "swapon": 224,
    "swapoff": 225,
    "mbind": 235,
    "get_mempolicy": 236,
    "set_mempolicy": 237,
    "migrate_pages": 238,
    "move_pages": 239,
    "perf_event_open": 241,
    "fanotify_init": 262,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "bpf": 280,
    "userfaultfd": 282,
    "kexec_file_load": 294,
}
_SPECIAL = {"clone3": 435}
_SPECIAL_X86_64 = _SPECIAL | {
    "clone": 56,
    "socket": 41,
    "personality": 135,
    "memfd_create": 319,
    "io_setup": 206,
}
_SPECIAL_GENERIC = _SPECIAL | {
    "clone": 220,
    "socket": 198,
    "personality": 92,
    "memfd_create": 279,
    "io_setup": 0,
}
MACHINES = {
    "x86_64": (0xC000003E, _BOTH | _X86_64, _SPECIAL_X86_64),
    "aarch64": (0xC00000B7, _BOTH | _GENERIC, _SPECIAL_GENERIC),
    "riscv64": (0xC00000F3, _BOTH | _GENERIC, _SPECIAL_GENERIC),
}
"""By machine: its audit architecture, the refused calls, the calls that are looked into."""


def _step(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)


def _fail(number: int) -> bytes:
    return _step(_RETURN, _FAIL | number)


def _refuse(call: int, number: int) -> bytes:
    return _step(_EQUAL, call, 0, 1) + _fail(number)


def _look(call: int, test: bytes) -> bytes:
    """If it is this call, the rest of the filter is about its first argument."""
    test = _step(_LOAD, _FIRST_ARGUMENT) + test + _step(_RETURN, _ALLOW)
    return _step(_EQUAL, call, 0, len(test) // 8) + test


def program(machine: str) -> bytes:
    """
    The filter as BPF instructions.

    `clone3` hides its flags in memory, `memfd_create` makes memory that belongs to no process
    and `io_setup` takes what there is once for the whole machine: programs do without where the
    call does not exist.

    Raises:
        KeyError: a machine whose system calls are not listed here.
    """
    architecture, refused, special = MACHINES[machine]
    code = _step(_LOAD, _ARCHITECTURE) + _step(_EQUAL, architecture, 1, 0) + _fail(errno.ENOSYS)
    code += _step(_LOAD, _NUMBER) + _step(_GREATER, NEWEST, 0, 1) + _fail(errno.ENOSYS)
    for name in ("clone3", "memfd_create", "io_setup"):
        code += _refuse(special[name], errno.ENOSYS)
    for number in sorted(refused.values()):
        code += _refuse(number, errno.EPERM)
    code += _look(special["clone"], _step(_ANY_BIT, NAMESPACE_FLAGS, 0, 1) + _fail(errno.EPERM))
    families = b"".join(_refuse(family, errno.EAFNOSUPPORT) for family in SOCKETS)
    code += _look(special["socket"], families)
    known = b"".join(_step(_EQUAL, value, 0, 1) + _step(_RETURN, _ALLOW) for value in PERSONALITIES)
    code += _look(special["personality"], known + _fail(errno.EPERM))
    return code + _step(_RETURN, _ALLOW)


def install() -> None:
    """For the calling process and all that it becomes; it may gain no privileges any more."""
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    kernel.set_filter(program(platform.machine()))
