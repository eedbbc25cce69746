"""
A lab without what holds its pods, for attempts that must work where nothing stops them.

As labs were before: a changed root directory, namespaces for processes and network, and
the runner's own environment. Started in place of `npol_lab` by `hold_lab.py`.
"""

import json
import os
import signal
import sys
import types
from pathlib import Path

from npol_lab import __main__ as lab
from npol_lab import init
from npol_lab.isolation import (
    capabilities,
    container_root,
    kernel,
    launch,
    mounts,
    namespaces,
    paths,
    pause,
    seccomp,
)

STATE = Path(json.loads(sys.argv[2])["directory"]) / lab.STATE


def nothing(*_arguments, **_options):
    return []


def open_anywhere(root, path, flags, mode=0):
    return os.open("./" + path.lstrip("/"), flags | os.O_CLOEXEC, mode, dir_fd=root)


def change_root(directory):
    os.chroot(directory)
    os.chdir("/")


def stay(_void):
    namespaces.unshare(namespaces.CLONE_NEWNS)
    return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(order, root, spaces):
    for name in ("net", "uts", "ipc"):
        namespaces.enter(f"/proc/{order['pid']}/ns/{name}", launch._SPACES[name])
    namespaces.enter_handle(root, namespaces.CLONE_NEWNS)
    change_root(STATE / "root")


def connect(streams, news):
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for handle in os.listdir("/proc/self/fd"):
        if int(handle) > 2 and int(handle) != news.fileno():
            try:
                os.set_inheritable(int(handle), True)
            except OSError:
                continue
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def replace(module, **names):
    for name, value in names.items():
        setattr(module, name, value)


def undo():
    replace(seccomp, install=nothing)
    replace(capabilities, keep=nothing)
    replace(kernel, hide_memory=nothing, open_beneath=open_anywhere, pivot_into=change_root)
    replace(paths, open_beneath=open_anywhere)
    unshare = lambda *_: namespaces.unshare(pause._NEW)  # noqa: E731
    replace(pause, _leave_the_machine=stay, _map=nothing, _enter_users=unshare)
    replace(namespaces, CLONE_NEWUSER=0)
    replace(launch, _enter=enter, _connect=connect)
    writable = types.SimpleNamespace(**vars(mounts))
    writable.bind_read_only = mounts.bind
    replace(container_root, FIXED=(), UNSEEN=(), UNSEEN_MORE=(), mounts=writable)


def below(self, mount, place, below, fixed):
    from npol_lab.node.volumes import Location

    chosen = Location(root=place.root, below=f"{place.below}/{below}")
    if not paths.exists(chosen.root, chosen.below):
        chosen.make(0)
    return chosen


def run_lab(settings, keeper):
    """In the lab's own process, which imports what the first one does not."""
    from npol_lab import bootstrap
    from npol_lab.node import container_start, volumes
    from npol_lab.registry.kinds import container_checks, pod_checks

    replace(pod_checks, check_paths=nothing)
    replace(container_checks, check_mount_paths=nothing)
    replace(volumes, leads_out=lambda path: False)
    replace(container_start.Launcher, _below=below)
    bootstrap.run_lab(settings, keeper)


def main(settings):
    directory = Path(settings["directory"])
    settings["state"] = str(lab._mount_state(directory))
    run = lambda keeper: run_lab(settings, keeper)  # noqa: E731
    return init.keep(run, tuple(settings["parent"]), lambda: lab._forget(directory))


if __name__ == "__main__":
    undo()
    sys.exit(main(json.loads(sys.argv[2])))
