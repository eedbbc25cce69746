"""Programs of the host, run inside a pod's namespaces and a container's root."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from npol.api_rules.objects import Obj
from npol_lab.node.logs import Log
from npol_lab.node.rootfs import Root
from npol_lab.node.spawn import Command, Running, send, spawn
from npol_lab.node.terminals import Terminal
from npol_lab.pause_processes import CannotStart

TRIES, MANY = 50, 64
"""Times to kill what a program has left running, and how many of it are a bomb."""
BURST, RATE = 1 << 20, 256 << 10
"""Bytes of a container's output that are taken at once, and then in each second."""


class Console:
    """What the program of a container reads: nothing, a pipe, or a terminal."""

    def __init__(self, spec: Obj) -> None:
        self.stdin: asyncio.StreamWriter | None = None
        self.terminal: Terminal | None = None
        self.is_terminal = bool(spec.get("tty"))
        self._open = bool(spec.get("stdin"))
        self._once = bool(spec.get("stdinOnce"))

    async def start(self, root: Root, command: Command) -> Running:
        """
        Raises:
            CannotStart: see `spawn`.
        """
        running = await spawn(
            root,
            command,
            stdin=self._open,
            stderr_apart=False,
            terminal=self.is_terminal,
        )
        self.terminal = running.terminal
        self.stdin = running.stdin if self._open else None
        return running

    def leave(self) -> None:
        """The first client has gone: `stdinOnce` ends what is read, but for terminals."""
        if self.stdin is not None and self._once and not self.is_terminal:
            self.stdin.close()


class Process:
    """The main program of a container."""

    def __init__(self, root: Root, command: Command, log: Log, console: Console) -> None:
        self._root = root
        self._command = command
        self._log = log
        self._console = console
        self._running: Running | None = None
        self._over = False

    async def start(self) -> None:
        """
        Raises:
            CannotStart: see `spawn`.
        """
        try:
            self._running = await self._console.start(self._root, self._command)
        except OSError as error:
            raise CannotStart(str(error)) from None

    async def wait(self) -> int:
        """The exit code; what it has left running is killed, as a pid namespace's end does."""
        assert self._running is not None
        assert self._running.stdout is not None
        copying = asyncio.create_task(self._copy(self._running.stdout))
        code = await self._running.wait()
        self._over = True
        await self._end_the_rest()
        await copying
        return code

    async def _end_the_rest(self) -> None:
        """What forks as fast as it is killed takes the pod's other programs with it."""
        self.kill()
        for _ in range(TRIES):
            await asyncio.sleep(0)
            if not (left := self._root.processes()):
                return
            send(left, signal.SIGKILL)
            await asyncio.sleep(0.01)
        if len(left) > MANY:
            with contextlib.suppress(OSError):  # the pod has gone by itself
                await self._root.sandbox.end_all()

    async def _copy(self, output: asyncio.StreamReader) -> None:
        """No faster than it can be kept: who writes more waits, as on a full pipe."""
        clock, ahead, before = asyncio.get_running_loop().time, 0.0, 0.0
        while data := await output.read(65536):
            self._log.write(data)
            now = clock()
            ahead, before = max(0.0, ahead - (now - before) * RATE) + len(data), now
            if ahead > BURST and not self._over:
                await asyncio.sleep((ahead - BURST) / RATE)

    def signal(self, number: int) -> None:
        """To the main program only."""
        if self._running is not None:
            self._running.signal(number)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        send(self._root.processes(), signal.SIGKILL)
