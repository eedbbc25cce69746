"""
Process 1 of a lab: it starts whatever runs in pods and takes everything with it.

It stays small, so that a fork costs less than a millisecond, and it does nothing
that could keep it from seeing that the process which wanted the lab is gone. When
it ends, the kernel ends every process of its namespace, and with the last of them
go the namespaces, links, tables and mounts.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from npol_lab.isolation import container_root, kernel, launch, pause

MESSAGE = 4096
"""Bytes of one request or answer, at most."""
TOLD = 600
"""Characters of a reason in an answer: JSON may need six bytes for one."""
HANDLES = 6
"""Descriptors that come with one."""


def keep(
    run: Callable[[socket.socket], None], parent: tuple[int, ...], forget: Callable[[], None]
) -> int:
    """
    Run the lab in a child until it ends or the parent is gone; return the exit status.

    Args:
        run: the lab; gets the socket on which it may ask for processes.
        parent: descriptors that become readable when nobody wants the lab any more.
        forget: removes what the lab has outside its namespaces. Not called when the lab
            itself failed: then the parent may want to read why.
    """
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        mine.close()
        _run_and_exit(run, its)
    its.close()
    kernel.hide_memory()
    gc.freeze()  # forks leave alone what they do not use
    if _serve(mine, parent, child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _end_all()
    forget()
    return 0


def _end_all() -> None:
    """What still writes would bring back what is being removed. Only as process 1: -1 is all."""
    if os.getpid() != 1:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _run_and_exit(run: Callable[[socket.socket], None], keeper: socket.socket) -> NoReturn:
    """In the child: nothing of the keeper's own code may go on in it."""
    status = 1
    try:
        run(keeper)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve(requests: socket.socket, parent: tuple[int, ...], lab: int) -> bool:
    """Until the lab has ended by itself (True) or the parent is gone (False)."""
    void = pause.make_void()
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    poll = select.poll()
    for handle in (*parent, requests.fileno(), wake):
        poll.register(handle, select.POLLIN | select.POLLHUP)
    while True:
        ready = {handle for handle, _ in poll.poll()}
        if ready.intersection(parent):
            return False
        if requests.fileno() in ready and not _answer(requests, void):
            return True
        if wake in ready:
            os.read(wake, MESSAGE)
            _reap(lab)


def _reap(lab: int) -> None:
    """Bury what has lost its parent. The lab itself stays to be asked for its status."""
    peek = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, peek)) is not None and dead.si_pid != lab:
            os.waitpid(dead.si_pid, 0)


def _answer(requests: socket.socket, void: int) -> bool:
    """False when the other end is closed: the lab is gone."""
    try:
        message, handles, _, _ = socket.recv_fds(
            requests, MESSAGE, HANDLES, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionError:
        return False
    if not message:
        return False
    wanted = json.loads(message) | {"void": void}
    try:
        maker = os.fork()
    except OSError as error:
        _say(requests, {"id": wanted["id"], "error": str(error)[:TOLD]})
    else:
        if maker == 0:
            _work_and_exit(requests, wanted, handles)
    for handle in handles:
        os.close(handle)
    return True


def _work_and_exit(requests: socket.socket, wanted: dict[str, Any], handles: list[int]) -> NoReturn:
    """In a fork: what is asked for is done by it and left to its children."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _WORK[wanted["do"]](requests, wanted, handles)
    except Exception as error:
        _say(requests, {"id": wanted["id"], "error": (str(error) or repr(error))[:TOLD]})
    finally:
        os._exit(0)


def _say(requests: socket.socket, answer: dict[str, Any], *handles: int) -> None:
    with contextlib.suppress(ConnectionError):
        socket.send_fds(requests, [json.dumps(answer).encode()], handles)


def _pause(requests: socket.socket, wanted: dict[str, Any], handles: list[int]) -> None:
    _say(requests, {"id": wanted["id"], "pid": pause.make(wanted, wanted["void"])})


def _root(requests: socket.socket, wanted: dict[str, Any], handles: list[int]) -> None:
    made = container_root.make(_content(handles[0]), wanted["pid"])
    _say(requests, {"id": wanted["id"]}, made)


def _run(requests: socket.socket, wanted: dict[str, Any], handles: list[int]) -> None:
    """It stays until the program has ended, and writes its wait status as a line."""
    content, root, status, *streams = handles
    try:
        pid, terminal = launch.start(_content(content), root, streams)
    except launch.CannotRun as error:
        _say(requests, {"id": wanted["id"], "cannot_run": str(error)[:TOLD]})
        return
    _say(requests, {"id": wanted["id"], "pid": pid}, *(() if terminal is None else (terminal,)))
    for handle in (requests.fileno(), content, root, *streams):
        os.close(handle)
    if terminal is not None:
        os.close(terminal)
    os.write(status, f"{os.waitpid(pid, 0)[1]}\n".encode())


def _end(requests: socket.socket, wanted: dict[str, Any], handles: list[int]) -> None:
    pause.end_all(wanted["pid"])
    _say(requests, {"id": wanted["id"]})


def _content(handle: int) -> dict[str, Any]:
    """What is too long for a message comes in a file that has no name."""
    with os.fdopen(os.dup(handle), "rb") as file:
        file.seek(0)
        content: dict[str, Any] = json.load(file)
    return content


_WORK = {"pause": _pause, "root": _root, "run": _run, "end": _end}
