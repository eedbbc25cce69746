"""What the API server asks of the nodes: commands in containers, and their logs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.lab.api.runtime import ExecFailed
from harness.lab.node.container import Container
from harness.lab.node.environment import ConfigError
from harness.lab.node.logs import LogOptions
from harness.lab.node.process import (
    PIPE,
    CannotStart,
    exit_code,
    open_terminal,
    resize,
    send,
    spawn,
)
from harness.lab.store import Obj

if TYPE_CHECKING:
    from harness.lab.node.kubelet import Kubelet
    from harness.lab.node.pod import Pod


class Execution:
    """A running command of `kubectl exec`."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int | None = None) -> None:
        self._process = process
        self._terminal = terminal
        self.stdin: asyncio.StreamWriter | None = process.stdin
        assert process.stdout is not None or terminal is not None
        self._stdout = process.stdout
        self.stderr: asyncio.StreamReader | None = process.stderr

    @property
    def stdout(self) -> asyncio.StreamReader:
        assert self._stdout is not None
        return self._stdout

    async def attach(self, terminal: int) -> None:
        """Read and write a pseudo-terminal as the command's only stream."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        file = os.fdopen(terminal, "r+b", buffering=0)
        await loop.connect_read_pipe(lambda: _TerminalReader(reader), file)
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(os.dup(terminal), "wb", buffering=0)
        )
        self._stdout, self.stderr = reader, None
        self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)

    async def wait(self) -> int:
        """The exit code; 128 + n when signal n ended it."""
        return exit_code(await self._process.wait())

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal is not None:
            resize(self._terminal, columns, rows)

    def kill(self) -> None:
        """End it, for a client that went away with its terminal."""
        if self._process.returncode is None:
            pid = self._process.pid
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/task/{pid}/children") as children:
                    send([int(child) for child in children.read().split()], signal.SIGKILL)
                self._process.kill()


class _TerminalReader(asyncio.StreamReaderProtocol):
    """A terminal whose program has ended reads as an I/O error: the end of the stream."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(None)


class Runtime:
    """`exec` and `logs` of all containers of the lab."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet

    async def exec(
        self, pod: Obj, container: str, argv: list[str], *, stdin: bool, tty: bool
    ) -> Execution:
        """
        Start a command in a running container. An empty `container` is the first one.

        Raises:
            ExecFailed: the container does not run, or there is no such program in it.
        """
        try:
            place, chosen = self._find(pod, container)
        except LookupError as error:
            raise ExecFailed(str(error)) from None
        if not chosen.running:
            raise ExecFailed(_not_running(chosen))
        try:
            return await self._start(place, chosen, argv, stdin, tty)
        except (CannotStart, ConfigError, OSError) as error:
            raise ExecFailed(_refused(str(error))) from None

    async def _start(
        self, pod: Pod, container: Container, argv: list[str], stdin: bool, tty: bool
    ) -> Execution:
        root = await container.launcher.root()
        command = container.launcher.command(argv)
        if not tty:
            source = PIPE if stdin else asyncio.subprocess.DEVNULL
            return Execution(await spawn(pod.sandbox, root, command, stdin=source))
        command = replace(command, env={"TERM": "xterm", **command.env})
        ours, theirs = open_terminal(pod.host.base.dev / "pts")
        try:
            process = await spawn(
                pod.sandbox,
                root,
                command,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                terminal=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        execution = Execution(process, ours)
        await execution.attach(ours)
        return execution

    def logs(
        self,
        pod: Obj,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: float | None,
        previous: bool,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        """
        What a container wrote: all there is, then as it comes with `follow`.

        Raises:
            LookupError: no such pod or container, or it has not been started (again).
        """
        place, chosen = self._find(pod, container)
        since = None if since_seconds is None else place.host.clock() - since_seconds
        options = LogOptions(follow=follow, tail=tail_lines, since=since, timestamps=timestamps)
        if previous:
            if chosen.previous_log is None:
                raise LookupError(f"previous terminated container {_named(chosen, pod)} not found")
            return chosen.previous_log.read(options)
        if not chosen.id:
            raise LookupError(
                f"container {_named(chosen, pod)} is waiting to start: {_why(chosen)}"
            )
        return chosen.log.read(options)

    def _find(self, obj: Obj, container: str) -> tuple[Pod, Container]:
        pod = self._kubelet.pods.get(obj["metadata"]["uid"])
        if pod is None:
            raise LookupError(f"pod {obj['metadata']['name']} has no running containers")
        for candidate in [*pod.main, *pod.init]:
            if candidate.name == (container or pod.main[0].name):
                return pod, candidate
        raise LookupError(f"container {container} is not valid for pod {obj['metadata']['name']}")


def _named(container: Container, pod: Obj) -> str:
    return f'"{container.name}" in pod "{pod["metadata"]["name"]}"'


def _why(container: Container) -> str:
    reason = str(container.state.get("waiting", {}).get("reason", "ContainerCreating"))
    known = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
        "CreateContainerConfigError": "container can't be created: invalid configuration",
    }
    return known.get(reason, reason)


def _not_running(container: Container) -> str:
    if container.id:
        return f'error executing command in container: container "{container.id}" is not running'
    return f'unable to upgrade connection: container not found ("{container.name}")'


def _refused(why: str) -> str:
    return (
        "error executing command in container: failed to exec in container: failed to start "
        f'exec "{secrets.token_hex(32)}": OCI runtime exec failed: exec failed: '
        f"unable to start container process: {why}: unknown"
    )
