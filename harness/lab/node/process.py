"""Programs of the host, run inside a pod's namespaces and a container's root."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.lab.node.base import INSIDE
from harness.lab.node.files import ContainerFiles
from harness.lab.node.logs import Log
from harness.lab.node.rootfs import Root
from harness.lab.node.sandbox import Sandbox

PIPE = asyncio.subprocess.PIPE
_TIOCSPTLCK, _TIOCGPTN = 0x40045431, 0x80045430
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
    stdin: int = asyncio.subprocess.DEVNULL,
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


def open_terminal(pts: Path) -> tuple[int, int]:
    """
    The two ends of a new pseudo-terminal: the runtime's and the program's.

    Args:
        pts: the devpts file system that containers see, so that theirs has a name there.

    Raises:
        OSError: there is no such file system, or it is full.
    """
    ours = os.open(pts / "ptmx", os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.ioctl(ours, _TIOCSPTLCK, struct.pack("i", 0))
        (number,) = struct.unpack("i", fcntl.ioctl(ours, _TIOCGPTN, struct.pack("i", 0)))
        return ours, os.open(pts / str(number), os.O_RDWR | os.O_NOCTTY)
    except BaseException:
        os.close(ours)
        raise


def resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


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


class Process:
    """The main program of a container."""

    def __init__(self, sandbox: Sandbox, root: Root, command: Command, log: Log) -> None:
        self._sandbox = sandbox
        self._root = root
        self._command = command
        self._log = log
        self._running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """
        Raises:
            CannotStart: see `prepare`.
        """
        self._running = await spawn(
            self._sandbox, self._root, self._command, stderr=asyncio.subprocess.STDOUT
        )

    async def wait(self) -> int:
        """The exit code; what it has left running is killed, as a pid namespace's end does."""
        assert self._running is not None
        assert self._running.stdout is not None
        copying = asyncio.create_task(self._copy(self._running.stdout))
        code = exit_code(await self._running.wait())
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
