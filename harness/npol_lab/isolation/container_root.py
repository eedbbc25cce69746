"""
A container's file system: a mount namespace of its own, with nothing of the host in it.

It belongs to the lab's user namespace and not to the pod's, so that no program in a
container holds a capability over it, a privileged one neither.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npol_lab.isolation import kernel, mounts, namespaces, paths
from npol_lab.isolation.tree import INSIDE, Tree

SAFE = mounts.MS_NOSUID | mounts.MS_NODEV
UNSEEN = ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi")
UNSEEN_MORE = ("timer_list", "timer_stats", "kallsyms", "kmsg", "config.gz")
FIXED = ("bus", "fs", "irq", "sys", "sysrq-trigger")
"""Below /proc, as container runtimes hide and fix them."""
SHARED_MEMORY = "mode=1777,size=64m,nr_inodes=4096"

Plan = dict[str, Any]
"""
`toolset`, `links`, `files`: the image's, and the pod's own files. `mounts`: volumes with
`source`, `below` (a path in it), `at` and `read_only`. `base`, `dev`: the shared parts.
`at`: a directory to mount on. `owner`: the pod's user. `size`: bytes that may be written.
"""


def make(plan: Plan, pause: int) -> int:
    """
    Build it in new processes of the pod; return a descriptor of the mount namespace.

    Called in a process of its own, which is left in that namespace.

    Raises:
        OSError: the kernel said no.
    """
    proc = os.open(f"/proc/{pause}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    namespaces.unshare(namespaces.CLONE_NEWNS)
    made = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    namespaces.enter_handle(proc, namespaces.CLONE_NEWPID)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    if (child := os.fork()) == 0:  # its /proc is the pod's
        os._exit(_told(writer, plan))
    os.close(writer)
    with os.fdopen(reader) as answer:
        why = answer.read()
    os.waitpid(child, 0)
    if why:
        raise OSError(why)
    return made


def _told(writer: int, plan: Plan) -> int:
    """In the child: the reason of a failure goes to the writer."""
    try:
        _build(plan)
    except BaseException as error:
        os.write(writer, (str(error) or repr(error)).encode())
        return 1
    return 0


def _build(plan: Plan) -> None:
    root, base, owner = Path(plan["at"]), Path(plan["base"]), plan["owner"]
    data = f"mode=755,size={plan['size']},nr_inodes={plan['inodes']},uid={owner},gid={owner}"
    mounts.mount("tmpfs", root, "tmpfs", SAFE, data)
    tree = Tree(root, base)
    tree.make(plan["toolset"], plan["links"], plan["files"])
    for volume in plan["mounts"]:
        tree.stand_in(volume["at"], directory=volume["directory"])
    if owner:
        tree.own(owner)
    mounts.bind_read_only(base, root / INSIDE.lstrip("/"), recursive=True)
    _devices(Path(plan["dev"]), root / "dev")
    _processes(root / "proc")
    with paths.directory(root) as handle:
        for volume in plan["mounts"]:
            _volume(handle, volume, owner)
    kernel.pivot_into(str(root))


def _devices(shared: Path, target: Path) -> None:
    mounts.bind_read_only(shared, target, recursive=True)
    mounts.mount("tmpfs", target / "shm", "tmpfs", SAFE, SHARED_MEMORY)
    data = "newinstance,ptmxmode=0666,mode=0620"
    mounts.mount("devpts", target / "pts", "devpts", mounts.MS_NOSUID | mounts.MS_NOEXEC, data)


def _processes(target: Path) -> None:
    mounts.mount("proc", target, "proc", SAFE | mounts.MS_NOEXEC)
    for name in FIXED:
        if (target / name).exists():
            mounts.bind_read_only(target / name, target / name)
    for name in (*UNSEEN, *UNSEEN_MORE):
        if (target / name).is_dir():
            flags = SAFE | mounts.MS_RDONLY
            mounts.mount("tmpfs", target / name, "tmpfs", flags, "size=4k,mode=555")
        elif (target / name).exists():
            mounts.bind(Path("/dev/null"), target / name)


def _volume(root: int, volume: dict[str, Any], owner: int) -> None:
    """
    Both ends are looked up in what programs may have written to: below their roots only.

    Raises:
        OSError: there is no such place.
    """
    with paths.directory(volume["source"]) as source:
        chosen = kernel.open_beneath(source, volume["below"] or ".", os.O_PATH)
    try:
        target = _target(root, volume, owner)
        mounts.bind(_by_handle(chosen), _by_handle(target))
        os.close(target)
    finally:
        os.close(chosen)
    if volume["read_only"]:
        target = kernel.open_beneath(root, volume["at"], os.O_PATH)
        mounts.make_read_only(_by_handle(target))
        os.close(target)


def _target(root: int, volume: dict[str, Any], owner: int) -> int:
    """The place to mount at: made, where it lies in another volume that lacks it."""
    at = volume["at"]
    try:
        return kernel.open_beneath(root, at, os.O_PATH)
    except FileNotFoundError:
        above, _, _ = at.rstrip("/").rpartition("/")
        paths.make_directories(root, at if volume["directory"] else above, owner=owner)
        if not volume["directory"]:
            paths.write(root, at, "")
    return kernel.open_beneath(root, at, os.O_PATH)


def _by_handle(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}")
