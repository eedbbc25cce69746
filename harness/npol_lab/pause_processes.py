"""Asking the lab's process 1 for pause processes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket

from npol_lab.init import MESSAGE


class Pauses:
    """Pause processes, made by the keeper; each holds the namespaces of one pod or node."""

    def __init__(self, keeper: socket.socket) -> None:
        self._keeper = keeper
        self._keeper.setblocking(False)
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[int]] = {}

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
        number = next(self._numbers)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        request = {"id": number, "hostname": hostname, "netns": netns}
        await asyncio.get_running_loop().sock_sendall(self._keeper, json.dumps(request).encode())
        return await answer

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while message := self._keeper.recv(MESSAGE):
                answer = json.loads(message)
                waiting = self._waiting.pop(answer["id"])
                if waiting.cancelled():
                    self.end(answer.get("pid", 0))
                elif "error" in answer:
                    waiting.set_exception(OSError(answer["error"]))
                else:
                    waiting.set_result(answer["pid"])

    @staticmethod
    def end(pid: int) -> None:
        """Kill a pause process and with it every process of its pod; 0 is none."""
        if pid <= 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
