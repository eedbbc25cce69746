"""What the API server asks of the nodes: commands in containers, their streams and logs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Mapping

from npol.api_rules.objects import Obj
from npol_lab.api.node_interface import ExecFailed
from npol_lab.node.container import Container
from npol_lab.node.environment import ConfigError
from npol_lab.node.logs import LogOptions
from npol_lab.node.pod import Pod
from npol_lab.node.process import Console
from npol_lab.node.spawn import Running, spawn
from npol_lab.pause_processes import CannotStart

LOOPBACK = "127.0.0.1"


class Execution:
    """A running command of `kubectl exec`."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.stdin, self.stderr = running.stdin, running.stderr

    @property
    def stdout(self) -> asyncio.StreamReader:
        assert self._running.stdout is not None
        return self._running.stdout

    async def wait(self) -> int:
        """The exit code; 128 + n when signal n ended it."""
        return await self._running.wait()

    def resize(self, columns: int, rows: int) -> None:
        if self._running.terminal is not None:
            self._running.terminal.resize(columns, rows)

    def kill(self) -> None:
        """End it, for a client that went away with its terminal."""
        self._running.signal(signal.SIGKILL)


class Attachment:
    """A client at the streams of a container's own program, which does not end with it."""

    stderr = None

    def __init__(self, container: Container, *, stdin: bool) -> None:
        self._console, self._log = container.launcher.console, container.log
        self._over = container.run_over
        self.stdout = self._log.tap()
        self.stdin = _Shared(self._console) if stdin and self._console.stdin else None

    async def wait(self) -> int:
        """Nobody learns from an attachment how the program ended."""
        await self._over.wait()
        return 0

    def resize(self, columns: int, rows: int) -> None:
        if self._console.terminal is not None:
            self._console.terminal.resize(columns, rows)

    def kill(self) -> None:
        self._log.untap(self.stdout)


class _Shared:
    """The standard input of a container: others may come and write to it after this client."""

    def __init__(self, console: Console) -> None:
        assert console.stdin is not None
        self._console, self._stream = console, console.stdin
        self.write, self.drain = self._stream.write, self._stream.drain
        self.is_closing = self._stream.is_closing

    def close(self) -> None:
        self._console.leave()


class Runtime:
    """`exec` and `logs` of all containers of the lab."""

    def __init__(self, pods: Mapping[str, Pod]) -> None:
        self._pods = pods
        """By their uids; the kubelet adds and removes them."""

    async def exec(
        self, pod: Obj, container: str, argv: list[str], *, stdin: bool, tty: bool
    ) -> Execution:
        """
        Start a command in a running container. An empty `container` is the first one.

        Raises:
            ExecFailed: the container does not run, or there is no such program in it.
        """
        try:
            _, chosen = self._find(pod, container)
        except LookupError as error:
            raise ExecFailed(str(error)) from None
        if not chosen.running:
            raise ExecFailed(_not_running(chosen))
        try:
            return await self._start(chosen, argv, stdin, tty)
        except (CannotStart, ConfigError, OSError) as error:
            raise ExecFailed(_refused(str(error))) from None

    async def _start(
        self, container: Container, argv: list[str], stdin: bool, tty: bool
    ) -> Execution:
        root = await container.launcher.root()
        command = container.launcher.command(argv)
        return Execution(await spawn(root, command, stdin=stdin, terminal=tty))

    def attach(self, pod: Obj, container: str, *, stdin: bool) -> Attachment:
        """
        The streams of a running container's program, from now on.

        Raises:
            ExecFailed: the container does not run.
        """
        with contextlib.suppress(LookupError):
            chosen = self._find(pod, container)[1]
            if chosen.running:
                return Attachment(chosen, stdin=stdin)
        metadata = pod["metadata"]
        where = f"{metadata['name']}_{metadata['namespace']}"
        raise ExecFailed(
            f"unable to upgrade connection: container {container} not found in pod {where}"
        )

    async def connect(
        self, pod: Obj, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """
        A connection to the pod's own loopback.

        Raises:
            OSError: nothing listens there.
        """
        place = self._pods.get(pod["metadata"]["uid"])
        where = f"error forwarding port {port} to pod {pod['metadata']['uid']}, uid : "
        if place is None or not place.connected:
            raise OSError(f"{where}pod not found")
        connection = place.sandbox.socket("TCP")
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (LOOPBACK, port))
            return await asyncio.open_connection(sock=connection)
        except OSError as error:
            connection.close()
            why = os.strerror(error.errno or 0).lower()
            raise OSError(
                f"{where}failed to execute portforward in the pod's network namespace: failed to "
                f"connect to localhost:{port} inside namespace, IPv4: dial tcp4 {LOOPBACK}:{port}: "
                f"connect: {why}"
            ) from None

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
        pod = self._pods.get(obj["metadata"]["uid"])
        if pod is None:
            raise LookupError(f"pod {obj['metadata']['name']} has no running containers")
        for candidate in pod.containers:
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
