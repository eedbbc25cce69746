"""Programs of the host, run inside a pod's namespaces and a container's root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from npol_lab.node.container_files import ContainerFiles
from npol_lab.node.logs import Log
from npol_lab.node.rootfs import Root
from npol_lab.node.sandbox import Sandbox
from npol_lab.node.shared_rootfs import INSIDE
from npol_lab.node.terminals import Terminal, connect, open_terminal
from npol_lab.store import Obj

PIPE, NOTHING = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
_TAKE_TERMINAL = (f"{INSIDE}/usr/bin/setsid", "--ctty")
"""Makes standard input the terminal that Ctrl-C and window sizes come from."""


class CannotStart(Exception):
    """The program cannot be run; the text is what runc says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, as the container sees it."""

    argv: list[str]
    env: Mapping[str, str]
    working_dir: str = "/"


def prepare(command: Command, root: Root) -> str:
    """
    The working directory as the lab sees it, once the program is known to exist.

    Raises:
        CannotStart: no such program in this image, or it is not executable.
    """
    program = command.argv[0] if command.argv else ""
    found = root.find(program, command.env.get("PATH", ""))
    if found is None:
        if "/" in program:
            raise CannotStart(f'exec: "{program}": stat {program}: no such file or directory')
        raise CannotStart(f'exec: "{program}": executable file not found in $PATH')
    path = root.path / found.lstrip("/")
    if path.is_dir():
        raise CannotStart(f'exec: "{program}": is a directory')
    if not path.is_symlink() and not os.access(path, os.X_OK):
        raise CannotStart(f'exec: "{program}": permission denied')
    directory = root.place(command.working_dir)
    directory.mkdir(exist_ok=True)
    return str(directory)


async def spawn(
    sandbox: Sandbox,
    root: Root,
    command: Command,
    *,
    stdin: int = NOTHING,
    stdout: int = PIPE,
    stderr: int = PIPE,
    terminal: bool = False,
) -> asyncio.subprocess.Process:
    """
    Raises:
        CannotStart: see `prepare`.
    """
    cwd = prepare(command, root)
    argv = [*(_TAKE_TERMINAL if terminal else ()), *command.argv]
    line = sandbox.argv(argv, ContainerFiles(root=str(root.path)))
    return await asyncio.create_subprocess_exec(
        *line,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=dict(command.env),
        start_new_session=True,
    )


async def spawn_in_terminal(
    sandbox: Sandbox, root: Root, command: Command, pts: Path
) -> tuple[asyncio.subprocess.Process, Terminal]:
    """
    Raises:
        CannotStart: see `prepare`.
        OSError: see `open_terminal`.
    """
    command = replace(command, env={"TERM": "xterm", **command.env})
    ours, theirs = open_terminal(pts)
    try:
        process = await spawn(
            sandbox, root, command, stdin=theirs, stdout=theirs, stderr=theirs, terminal=True
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, await connect(ours)


def exit_code(returncode: int) -> int:
    """As shells and Kubernetes count: 128 + n for a program that signal n ended."""
    return 128 - returncode if returncode < 0 else returncode


def processes_in(root: Path) -> list[int]:
    """Everything that runs in a container: the processes whose root directory is its root."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/root") == str(root):
                    found.append(int(entry))
    return found


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def _end_of(process: asyncio.subprocess.Process) -> int:
    """
    The return code, as soon as there is one.

    `Process.wait` may go on until nobody holds the output open, which a child that the program
    has left running does for as long as it likes.
    """
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    while process.returncode is None:  # it is on its way here from the thread that reaps
        await asyncio.sleep(0.002)
    return process.returncode


class Console:
    """What the program of a container reads: nothing, a pipe, or a terminal."""

    def __init__(self, spec: Obj, pts: Path) -> None:
        self.stdin: asyncio.StreamWriter | None = None
        self.terminal: Terminal | None = None
        self.is_terminal = bool(spec.get("tty"))
        self._open = bool(spec.get("stdin"))
        self._once = bool(spec.get("stdinOnce"))
        self._pts = pts

    async def start(
        self, sandbox: Sandbox, root: Root, command: Command
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        """
        The program, and what it writes.

        Raises:
            CannotStart: see `prepare`.
        """
        if self.is_terminal:
            process, terminal = await spawn_in_terminal(sandbox, root, command, self._pts)
            self.terminal, self.stdin = terminal, terminal.writer if self._open else None
            return process, terminal.reader
        together, source = asyncio.subprocess.STDOUT, PIPE if self._open else NOTHING
        process = await spawn(sandbox, root, command, stdin=source, stderr=together)
        assert process.stdout is not None
        self.stdin = process.stdin
        return process, process.stdout

    def leave(self) -> None:
        """The first client has gone: `stdinOnce` ends what is read, but for terminals."""
        if self.stdin is not None and self._once and not self.is_terminal:
            self.stdin.close()


class Process:
    """The main program of a container."""

    def __init__(
        self, sandbox: Sandbox, root: Root, command: Command, log: Log, console: Console
    ) -> None:
        self._sandbox = sandbox
        self._root = root
        self._command = command
        self._log = log
        self._console = console
        self._running: asyncio.subprocess.Process | None = None
        self._output: asyncio.StreamReader | None = None

    async def start(self) -> None:
        """
        Raises:
            CannotStart: see `prepare`.
        """
        self._running, self._output = await self._console.start(
            self._sandbox, self._root, self._command
        )

    async def wait(self) -> int:
        """The exit code; what it has left running is killed, as a pid namespace's end does."""
        assert self._running is not None
        assert self._output is not None
        copying = asyncio.create_task(self._copy(self._output))
        code = exit_code(await _end_of(self._running))
        self.kill()
        await copying
        return code

    async def _copy(self, output: asyncio.StreamReader) -> None:
        while data := await output.read(65536):
            self._log.write(data)

    def signal(self, number: int) -> None:
        """To the main program only: the child of the command that entered the namespaces."""
        if self._running is None or self._running.returncode is not None:
            return
        pid = self._running.pid
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            send([int(child) for child in children] or [pid], number)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        send(processes_in(self._root.path), signal.SIGKILL)
