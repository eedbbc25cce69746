"""A program of a container, started in its sandbox, and the pipes to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from npol.api_rules.objects import Obj
from npol_lab.node.rootfs import Root
from npol_lab.node.terminals import Terminal, connect

KILLED = 137


OUTPUT = 1 << 20
"""Bytes of a command's output that are kept."""


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
