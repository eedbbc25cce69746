"""
What holds a lab's pods, layer by layer, and how each layer is taken away alone.

`bare_lab.py` switches layers off within a lab, `hold_lab.py` those that are in force before
its first process runs.
"""

import json
import os
import signal
import sys
import types
from pathlib import Path

from npol_lab import __main__ as lab
from npol_lab import availability, requirements, session
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

VARIABLE = "NPOL_TEST_SWITCHED_OFF"
OUTSIDE, INSIDE, LAB = {}, {}, {}
"""By layer: what takes it away in who starts a lab, in its first process, in the lab's own."""


def layer(where, name):
    def remember(function):
        where[name] = function
        return function

    return remember


def nothing(*_arguments, **_options):
    return []


def replace(module, **names):
    for name, value in names.items():
        setattr(module, name, value)


def copy_of(module, **names):
    """For one importer: others keep the original."""
    return types.SimpleNamespace(**{**vars(module), **names})


# around the lab


@layer(OUTSIDE, "environment")
def pass_the_environment_on():
    whole = {**os.environ, "PATH": requirements.SEARCH}
    replace(session, _environment=lambda path: {**whole, "PYTHONPATH": path})


@layer(OUTSIDE, "stranger")
def be_the_machines_user():
    replace(session, pods_user=lambda: 0)


@layer(OUTSIDE, "users")
def make_no_users():
    """A machine lets its root alone do without: an ordinary user's lab stays as it is."""
    if os.geteuid() == 0:
        replace(session, pods_user=lambda: 0, NAMESPACES=availability.NAMESPACES[2:])


@layer(OUTSIDE, "network")
def hand_the_machines_network_in():
    spawn, network = session._spawn, os.open("/proc/self/ns/net", os.O_RDONLY)

    def spawn_with_it(settings, directory, passed):
        return spawn({**settings, "network": network}, directory, (*passed, network))

    replace(session, _spawn=spawn_with_it)


# in the lab's first process


@layer(INSIDE, "users")
def leave_users_as_they_are():
    stay = copy_of(namespaces, CLONE_NEWUSER=0, enter_handle=but_users(namespaces.enter_handle))
    replace(launch, namespaces=copy_of(_namespaces(), enter_handle=but_users(_enters())))
    replace(pause, _map=nothing, _enter_users=enter_no_users, namespaces=stay)
    replace(pause, _NEW=namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC | _of_processes())


def _namespaces():
    """As `launch` has it by now: several layers may be away."""
    return vars(launch)["namespaces"]


def _enters():
    return _namespaces().enter_handle


def _of_processes():
    return pause._NEW & namespaces.CLONE_NEWPID


def but_users(enter):
    return lambda handle, kind: None if kind == namespaces.CLONE_NEWUSER else enter(handle, kind)


def enter_no_users(_proc, _netns, _owner):
    namespaces.unshare(pause._NEW)


@layer(INSIDE, "network")
def enter_the_machines_network():
    network = json.loads(sys.argv[2])["network"]
    enter = _enters()

    def enter_it(handle, kind):
        try:
            enter(network if kind == namespaces.CLONE_NEWNET else handle, kind)
        except PermissionError:  # the kernel's own no to who is root in a namespace only
            enter(handle, kind)

    replace(launch, namespaces=copy_of(_namespaces(), enter_handle=enter_it))


@layer(INSIDE, "processes")
def share_processes():
    replace(pause, _NEW=pause._NEW & ~namespaces.CLONE_NEWPID)


@layer(INSIDE, "seccomp")
def filter_nothing():
    replace(seccomp, install=nothing)


@layer(INSIDE, "capabilities")
def drop_nothing():
    replace(capabilities, keep=nothing)


@layer(INSIDE, "hidden memory")
def hide_nothing():
    hide = kernel.hide_memory
    replace(kernel, hide_memory=lambda _hidden=True: hide(False))


@layer(INSIDE, "void")
def leave_process_1_where_it_is():
    replace(pause, _leave_the_machine=stay)


def stay(_void):
    namespaces.unshare(namespaces.CLONE_NEWNS)
    return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@layer(INSIDE, "pivot_root")
def change_the_root_only():
    enter = _enters()
    root = Path(json.loads(sys.argv[2])["directory"]) / lab.STATE / "root"

    def enter_and_change(handle, kind):
        enter(handle, kind)
        if kind == namespaces.CLONE_NEWNS:
            change_root(root)

    replace(container_root, kernel=copy_of(kernel, pivot_into=change_root))
    replace(launch, namespaces=copy_of(_namespaces(), enter_handle=enter_and_change))


def change_root(directory):
    os.chroot(directory)
    os.chdir("/")


@layer(INSIDE, "nodev")
def mount_devices():
    replace(container_root, SAFE=mounts.MS_NOSUID)


@layer(INSIDE, "read-only parts")
def mount_writable():
    def bind(source, target, **options):
        read_only = str(target).startswith("/proc") or "/proc/" in str(target)
        (mounts.bind_read_only if read_only else mounts.bind)(source, target, **options)

    replace(container_root, mounts=copy_of(mounts, bind_read_only=bind))


@layer(INSIDE, "masked /proc")
def mask_nothing():
    replace(container_root, FIXED=(), UNSEEN=(), UNSEEN_MORE=())


@layer(INSIDE, "closed descriptors")
def leave_everything_open():
    replace(launch, _connect=connect)


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
    seccomp.install()


@layer(INSIDE, "openat2")
def open_anywhere():
    replace(kernel, open_beneath=opened)
    replace(paths, open_beneath=opened)
    replace(vars(container_root)["kernel"], open_beneath=opened)


def opened(root, path, flags, mode=0):
    return os.open("./" + path.lstrip("/"), flags | os.O_CLOEXEC, mode, dir_fd=root)


# in the lab's own process, which imports what the first one does not


@layer(LAB, "checked paths")
def check_no_path():
    from npol.api_rules.kinds import container_checks, pod_checks
    from npol_lab.node import container_start, volumes

    replace(pod_checks, check_paths=nothing)
    replace(container_checks, check_mount_paths=nothing)
    replace(volumes, leads_out=lambda path: False, names_no_claim=lambda name: False)
    replace(container_start, leads_out=lambda path: False)
    replace(container_start.Launcher, _below=below)


def below(self, mount, place, below, fixed):
    from npol_lab.node.volumes import Location

    chosen = Location(root=place.root, below=f"{place.below}/{below}")
    if not paths.exists(chosen.root, chosen.below):
        chosen.make(0)
    return chosen


ALL = tuple(dict.fromkeys((*OUTSIDE, *INSIDE, *LAB)))


def switch_off(names, where):
    for name, function in where.items():
        if name in names:
            function()
