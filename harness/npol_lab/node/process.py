"""Programs of the host, run inside a pod's namespaces and a container's root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from npol.api_rules.objects import Obj
from npol_lab.node.logs import Log
from npol_lab.node.rootfs import Root
from npol_lab.node.terminals import Terminal, connect
from npol_lab.pause_processes import CannotStart

KILLED = 137
TRIES, MANY = 50, 64
"""Times to kill what a program has left running, and how many of it are a bomb."""
OUTPUT = 1 << 20
"""Bytes of a command's output that are kept."""
BURST, RATE = 1 << 20, 256 << 10
"""Bytes of a container's output that are taken at once, and then in each second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, as the container sees it."""

    argv: list[str]
    env: Mapping[str, str]
    working_dir: str = "/"
    capabilities: int = 0
    """A bit mask."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """See `isolation.launch`."""


class Running:
    """A program in a container, with our ends of its streams."""

    def __init__(self, pid: int, status: asyncio.StreamReader) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self.terminal: Terminal | None = None
        self._ended = asyncio.create_task(self._end(status))

    async def _end(self, status: asyncio.StreamReader) -> int:
        told = await status.readline()
        self.returncode = os.waitstatus_to_exitcode(int(told)) if told else KILLED
        return self.returncode

    async def wait(self) -> int:
        """The exit code, 128 + n for signal n; others may hold the streams open still."""
        return exit_code(await asyncio.shield(self._ended))

    def signal(self, number: int) -> None:
        if self.returncode is None:
            send([self.pid], number)

    async def communicate(self) -> tuple[bytes, int]:
        """The start of what it writes until nobody can write any more, and its exit code."""
        assert self.stdout is not None
        output = b""
        while data := await self.stdout.read(65536):
            output += data[: OUTPUT - len(output)]
        return output, await self.wait()


async def spawn(
    root: Root,
    command: Command,
    *,
    stdin: bool = False,
    stderr_apart: bool = True,
    terminal: bool = False,
) -> Running:
    """
    Args:
        stdin: whether there is anything to read; without a terminal.

    Raises:
        CannotStart: no such program in this image, or it is not executable.
        OSError: the kernel said no.
    """
    if terminal:
        command = replace(command, env={"TERM": "xterm", **command.env})
    with contextlib.ExitStack() as ends:
        streams = _Streams(ends, root.sandbox.owner)
        status, told = streams.pipe()
        theirs = [] if terminal else streams.make(stdin=stdin, stderr_apart=stderr_apart)
        order = _order(command, root, terminal=terminal)
        pid, tty = await root.sandbox.run(root.handle, order, told, theirs)
        streams.keep()
    running = Running(pid, await _reader(status))
    if tty is not None:
        running.terminal = await connect(tty)
        running.stdout, running.stdin = running.terminal.reader, running.terminal.writer
    await streams.connect(running)
    return running


def _order(command: Command, root: Root, *, terminal: bool) -> Obj:
    return {
        "groups": root.group.entries,
        "argv": command.argv,
        "env": dict(command.env),
        "cwd": command.working_dir,
        "capabilities": command.capabilities,
        "limits": dict(command.limits),
        "terminal": terminal,
    }


class _Streams:
    """Pipes, of which the program's ends are closed here when the program has them."""

    def __init__(self, ends: contextlib.ExitStack, owner: int) -> None:
        self._ends = ends
        self._owner = owner
        self._ours: list[int] = []
        self._kinds: dict[str, int] = {}

    def pipe(self, *, ours_writes: bool = False) -> tuple[int, int]:
        """Our end, and the program's, which is its user's to open again by /proc/self/fd."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        ours, theirs = (writer, reader) if ours_writes else (reader, writer)
        self._ends.callback(os.close, theirs)
        self._ours.append(ours)
        self._ends.callback(self._close, ours)
        if self._owner:
            os.fchown(theirs, self._owner, self._owner)
        return ours, theirs

    def _close(self, handle: int) -> None:
        if handle in self._ours:
            os.close(handle)

    def keep(self) -> None:
        self._ours.clear()

    def make(self, *, stdin: bool, stderr_apart: bool) -> list[int]:
        """The program's ends, in the order of their numbers."""
        if stdin:
            self._kinds["stdin"], source = self.pipe(ours_writes=True)
        else:
            source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            self._ends.callback(os.close, source)
        self._kinds["stdout"], output = self.pipe()
        errors = output
        if stderr_apart:
            self._kinds["stderr"], errors = self.pipe()
        return [source, output, errors]

    async def connect(self, running: Running) -> None:
        if "stdin" in self._kinds:
            running.stdin = await _writer(self._kinds["stdin"])
        if "stdout" in self._kinds:
            running.stdout = await _reader(self._kinds["stdout"])
        if "stderr" in self._kinds:
            running.stderr = await _reader(self._kinds["stderr"])


async def _reader(handle: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    file = os.fdopen(handle, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    return reader


async def _writer(handle: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    file = os.fdopen(handle, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, file)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def exit_code(returncode: int) -> int:
    """As shells and Kubernetes count: 128 + n for a program that signal n ended."""
    return 128 - returncode if returncode < 0 else returncode


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


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
