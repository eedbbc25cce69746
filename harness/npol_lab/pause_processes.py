"""Asking the lab's process 1 for the processes of pods."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

from npol_lab.init import HANDLES, MESSAGE

Answer = tuple[dict[str, Any], list[int]]


class CannotStart(Exception):
    """The program cannot be run; the text is what runc says of it."""


class Pauses:
    """
    Pause processes, each of which holds the namespaces of one pod or node, the roots of
    containers and the programs in them.

    Args:
        owner: the user, of the lab's user namespace, that the root of every pod is.
    """

    def __init__(self, keeper: socket.socket, *, owner: int = 0) -> None:
        self._keeper = keeper
        self._keeper.setblocking(False)
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._sending = asyncio.Lock()
        self.owner = owner

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._keeper, self._read)

    async def make(self, hostname: str, *, netns: str | None = None) -> int:
        """
        The process id of a new pause process.

        Args:
            netns: path of a network namespace to share; without it a new one is made.

        Raises:
            OSError: the kernel said no, for instance for lack of process ids.
        """
        wanted = {"do": "pause", "hostname": hostname, "netns": netns, "owner": self.owner}
        answer, _ = await self._ask(wanted)
        return int(answer["pid"])

    async def make_root(self, pid: int, plan: dict[str, Any]) -> int:
        """
        A descriptor of a new mount namespace for a container of the pod; see `container_root`.

        Raises:
            OSError: the kernel said no.
        """
        with _file({**plan, "owner": self.owner}) as content:
            _, handles = await self._ask({"do": "root", "pid": pid}, content)
        return handles[0]

    async def run(
        self, pid: int, root: int, order: dict[str, Any], status: int, streams: Sequence[int]
    ) -> tuple[int, int | None]:
        """
        The process id of a new program, and its terminal if it wants one; see `launch`.

        Args:
            root: what `make_root` returned.
            status: a pipe's end to which the program's wait status is written.

        Raises:
            CannotStart: there is no such program.
            OSError: the kernel said no.
        """
        with _file({**order, "pid": pid, "owner": self.owner}) as content:
            answer, handles = await self._ask({"do": "run"}, content, root, status, *streams)
        if "cannot_run" in answer:
            raise CannotStart(answer["cannot_run"])
        return answer["pid"], handles[0] if handles else None

    async def end_all(self, pid: int) -> None:
        """Kill every program of a pod at once; the pause process stays."""
        await self._ask({"do": "end", "pid": pid})

    async def _ask(self, wanted: dict[str, Any], *handles: int) -> Answer:
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = json.dumps({"id": number, **wanted}).encode()
        async with self._sending:
            while True:
                try:
                    socket.send_fds(self._keeper, [message], handles)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.001)
        return await answer

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                message, handles, _, _ = socket.recv_fds(
                    self._keeper, MESSAGE, HANDLES, socket.MSG_CMSG_CLOEXEC
                )
                if not message:
                    return
                self._answered(json.loads(message), handles)

    def _answered(self, answer: dict[str, Any], handles: list[int]) -> None:
        waiting = self._waiting.pop(answer["id"])
        if waiting.cancelled():
            self.end(answer.get("pid", 0))
            for handle in handles:
                os.close(handle)
        elif "error" in answer:
            waiting.set_exception(OSError(answer["error"]))
        else:
            waiting.set_result((answer, handles))

    @staticmethod
    def end(pid: int) -> None:
        """Kill a pause process and with it every process of its pod; 0 is none."""
        if pid <= 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def _file(content: dict[str, Any]) -> Any:
    """A file without a name that holds it as JSON."""
    handle = os.memfd_create("request", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(json.dumps(content).encode())
        yield handle
    finally:
        os.close(handle)
