"""
Process 1 of a lab: it makes the pods' pause processes and takes everything with it.

It stays small, so that a fork costs less than a millisecond, and it does nothing
that could keep it from seeing that the process which wanted the lab is gone. When
it ends, the kernel ends every process of its namespace, and with the last of them
go the namespaces, links, tables and mounts.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from npol_lab.net import namespaces

MESSAGE = 4096
"""Bytes of one request or answer, at most."""


def keep(
    run: Callable[[socket.socket], None], parent: tuple[int, ...], forget: Callable[[], None]
) -> int:
    """
    Run the lab in a child until it ends or the parent is gone; return the exit status.

    Args:
        run: the lab; gets the socket on which it may ask for pause processes.
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
    if _serve(mine, parent, child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    forget()
    return 0


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
        if requests.fileno() in ready and not _answer(requests):
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


def _answer(requests: socket.socket) -> bool:
    """False when the other end is closed: the lab is gone."""
    try:
        message = requests.recv(MESSAGE)
    except ConnectionError:
        return False
    if not message:
        return False
    wanted = json.loads(message)
    try:
        maker = os.fork()
    except OSError as error:
        _say(requests, {"id": wanted["id"], "error": str(error)})
        return True
    if maker == 0:
        try:
            _say(requests, _made(wanted))
        finally:
            os._exit(0)
    return True


def _say(requests: socket.socket, answer: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        requests.send(json.dumps(answer).encode())


def _made(wanted: dict[str, Any]) -> dict[str, Any]:
    """Make the namespaces in this very process, then leave a pause process in them."""
    try:
        if wanted["netns"]:
            namespaces.enter(wanted["netns"])
        net = 0 if wanted["netns"] else namespaces.CLONE_NEWNET
        namespaces.unshare(
            net | namespaces.CLONE_NEWPID | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC
        )
        socket.sethostname(wanted["hostname"][:63])
        pid = os.fork()
    except OSError as error:
        return {"id": wanted["id"], "error": str(error)}
    if pid == 0:
        _pause()
    return {"id": wanted["id"], "pid": pid}


def _pause() -> None:
    """Init of a pod: orphans are reaped because nobody asks for their status."""
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        signal.pause()
