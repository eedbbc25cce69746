"""Starting a program in a container: from the lab's first process to execve(2)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import resource
import signal
import socket
import struct
import termios
from collections.abc import Sequence
from typing import Any, NoReturn

from npol_lab.isolation import capabilities, kernel, namespaces, paths, seccomp

Order = dict[str, Any]
"""
`pid`: of the pod's pause process. `argv`, `env`, `cwd`; `capabilities`: a bit mask;
`limits`: by resource name; `groups`: files of cgroups to enter; `owner`: as in `pause.make`;
`terminal`: the program gets one.
"""
LIMITS = {
    "processes": resource.RLIMIT_NPROC,
    "files": resource.RLIMIT_NOFILE,
    "file_size": resource.RLIMIT_FSIZE,
    "core": resource.RLIMIT_CORE,
    "signals": resource.RLIMIT_SIGPENDING,
    "message_queues": resource.RLIMIT_MSGQUEUE,
}
_OWN_COUNT = (5, 14)
"""Since then RLIMIT_NPROC counts the processes of a user per user namespace."""
_UNLOCK, _NUMBER = 0x40045431, 0x80045430
_SPACES = {
    "net": namespaces.CLONE_NEWNET,
    "uts": namespaces.CLONE_NEWUTS,
    "ipc": namespaces.CLONE_NEWIPC,
}
_LATER = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)


class CannotRun(Exception):
    """The program cannot be run; the text is what runc says of it."""


def start(order: Order, root: int, streams: Sequence[int]) -> tuple[int, int | None]:
    """
    The process id of the program, and the lab's end of its terminal.

    Called in a process of its own, which stays the program's parent.

    Args:
        root: the container's mount namespace.
        streams: standard input, output and errors; none for a terminal.

    Raises:
        CannotRun: there is no such program.
        OSError: the kernel said no.
    """
    space = f"/proc/{order['pid']}/ns"
    spaces = {name: os.open(f"{space}/{name}", os.O_RDONLY) for name in (*_SPACES, "user")}
    namespaces.enter(f"{space}/pid", namespaces.CLONE_NEWPID)
    news, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if (pid := os.fork()) == 0:
        news.close()
        _become(order, root, spaces, streams, its)
    its.close()
    with news:
        return pid, _heard(news)


def _heard(news: socket.socket) -> int | None:
    """What the child says, until it has become the program."""
    terminal = None
    while True:
        message, handles, _, _ = socket.recv_fds(news, 65536, 1)
        if handles:
            terminal = handles[0]
        elif message:
            raise CannotRun(message.decode(errors="replace"))
        else:
            return terminal


def _become(
    order: Order, root: int, spaces: dict[str, int], streams: Sequence[int], news: socket.socket
) -> NoReturn:
    try:
        os.setsid()
        _enter(order, root, spaces)
        streams = [_terminal(news)] * 3 if order["terminal"] else streams
        _go_to(order["cwd"])
        program = find(order["argv"], order["env"].get("PATH", ""))
        _confine(order)
        _connect(streams, news)
        os.execve(program, order["argv"], order["env"])
    except CannotRun as error:
        _say(news, str(error))
    except BaseException as error:
        _say(news, f'exec: "{" ".join(order["argv"][:1])}": {error}')
    os._exit(127)


def _say(news: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):
        news.send(text.encode()[:60000])


def _enter(order: Order, root: int, spaces: dict[str, int]) -> None:
    """The pod's users last: they have no say over what the other namespaces belong to."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # rather the program than the lab
    for group in order["groups"]:
        with contextlib.suppress(OSError), open(group, "w") as file:
            file.write("0")
    for name, kind in _SPACES.items():
        namespaces.enter_handle(spaces[name], kind)
    if order["owner"]:
        os.setgroups([])
    namespaces.enter_handle(root, namespaces.CLONE_NEWNS)
    namespaces.enter_handle(spaces["user"], namespaces.CLONE_NEWUSER)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.hide_memory()


def _terminal(news: socket.socket) -> int:
    """A new one of the container's, which controls this session; the other end is sent home."""
    ours = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(ours, _UNLOCK, struct.pack("i", 0))
    (number,) = struct.unpack("i", fcntl.ioctl(ours, _NUMBER, struct.pack("i", 0)))
    theirs = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    socket.send_fds(news, [b"terminal"], [ours])
    os.close(ours)
    return theirs


def _go_to(directory: str) -> None:
    with paths.directory("/") as root:
        paths.make_directories(root, directory)
    os.chdir(directory)


def find(argv: list[str], search: str) -> str:
    """
    The path that execvp(3) would run.

    Raises:
        CannotRun: there is none, or it is not executable.
    """
    program = argv[0] if argv else ""
    candidates = [f"{directory}/{program}" for directory in search.split(":") if directory]
    found = program if "/" in program else next(filter(os.path.lexists, candidates), "")
    if "/" in program and not os.path.lexists(program):
        raise CannotRun(f'exec: "{program}": stat {program}: no such file or directory')
    if not program or not found:
        raise CannotRun(f'exec: "{program}": executable file not found in $PATH')
    if os.path.isdir(found):
        raise CannotRun(f'exec: "{program}": is a directory')
    if not os.access(found, os.X_OK):
        raise CannotRun(f'exec: "{program}": permission denied')
    return found


def _confine(order: Order) -> None:
    for name, value in order["limits"].items():
        if name != "processes" or _kernel_version() >= _OWN_COUNT:
            kind = LIMITS[name]
            most = resource.getrlimit(kind)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(kind, (value, value))
    capabilities.keep(order["capabilities"])


def _kernel_version() -> tuple[int, ...]:
    major, minor, *_ = platform.release().split(".")
    return int(major), int("".join(c for c in minor if c.isdigit()))


def _connect(streams: Sequence[int], news: socket.socket) -> None:
    """Nothing but the streams is open in the program; what it may not do holds from here on."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, news.fileno())
    os.closerange(news.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    for number in _LATER:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    seccomp.install()
