"""The first process of a pod, which holds its namespaces and can see nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any, NoReturn

from npol_lab.isolation import kernel, mounts, namespaces

_NEW = namespaces.CLONE_NEWPID | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC
SETTINGS = {
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv4/ping_group_range": "0 0",
    "kernel/shmall": "16384",
    "kernel/shmmax": "67108864",
    "kernel/msgmni": "32",
    "kernel/sem": "250 32000 32 128",
}
"""Of a pod: any port, ping without a raw socket, and little memory outside of processes."""


def make_void() -> int:
    """A descriptor of a mount namespace in which there is an empty directory, and nothing else."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if (child := os.fork()) == 0:
        try:
            socket.send_fds(its, [b"void"], [_void()])
        finally:
            os._exit(0)
    its.close()
    with ours:
        _, (void,), _, _ = socket.recv_fds(ours, 16, 1, socket.MSG_CMSG_CLOEXEC)
    os.waitpid(child, 0)
    return void


def _void() -> int:
    namespaces.unshare(namespaces.CLONE_NEWNS)
    made = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    mounts.mount("tmpfs", Path("/proc"), "tmpfs", mounts.MS_RDONLY, "size=4k,mode=555")
    kernel.pivot_into("/proc")
    return made


def make(wanted: dict[str, Any], void: int) -> int:
    """
    Make a pod's namespaces in this very process, and leave a pause process in them.

    Args:
        wanted: `hostname`; `netns`: path of a network namespace to share, or None;
            `owner`: the user, of the lab's, that the pod's root is.
        void: what `make_void` returned.

    Raises:
        OSError: the kernel said no.
    """
    netns, owner = wanted["netns"], wanted["owner"]
    if netns:
        namespaces.enter(netns)
    proc = _leave_the_machine(void)
    if netns:
        _enter_users(proc, netns, owner)
    else:
        _become(owner)
        namespaces.unshare(_NEW | namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNET)
        _map(proc, owner)
    kernel.hide_memory()
    socket.sethostname(wanted["hostname"][:63])
    for name, value in SETTINGS.items():
        with contextlib.suppress(OSError):  # a shared network's are set, and a kernel may lack some
            _write(proc, f"sys/{name}", value)
    pid = os.fork()
    if pid == 0:
        _pause()
    return pid


def end_all(pid: int) -> None:
    """
    Kill all of a pod but its first process, in one step that none can fork away from.

    Raises:
        OSError: the pod is gone.
    """
    namespaces.enter(f"/proc/{pid}/ns/pid", namespaces.CLONE_NEWPID)
    if (child := os.fork()) == 0:
        with contextlib.suppress(OSError):  # there is nobody
            os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(child, 0)


def _leave_the_machine(void: int) -> int:
    """The void becomes the root; what /proc was stays as a descriptor."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    namespaces.enter_handle(void, namespaces.CLONE_NEWNS)
    return proc


def _enter_users(proc: int, netns: str, owner: int) -> None:
    """The users of the node: its pods on its network may there what others may in their own."""
    name = netns.removeprefix("/proc/").removesuffix("net") + "user"
    handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    if owner:
        os.setgroups([])
    namespaces.enter_handle(handle, namespaces.CLONE_NEWUSER)
    os.close(handle)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    namespaces.unshare(_NEW)


def _become(owner: int) -> None:
    if owner:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)


def _map(proc: int, owner: int) -> None:
    kernel.hide_memory(False)  # who may not be looked at may not write these, either
    _write(proc, "self/setgroups", "deny")
    for name in ("uid_map", "gid_map"):
        _write(proc, f"self/{name}", f"0 {owner} 1")


def _write(proc: int, name: str, value: str) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        os.write(handle, value.encode())
    finally:
        os.close(handle)


def _pause() -> NoReturn:
    """Init of a pod: orphans are reaped because nobody asks for their status."""
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        signal.pause()
