"""What the API server wants from the node that a pod runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from npol.api_rules.objects import Obj


class ExecFailed(Exception):
    """The command was never started; the message is the container runtime's."""


class Input(Protocol):
    """As much of an `asyncio.StreamWriter` as a client needs."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool: ...


class Execution(Protocol):
    """A command that runs in a container. A terminal has no stderr of its own."""

    @property
    def stdin(self) -> Input | None: ...

    @property
    def stdout(self) -> asyncio.StreamReader: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    async def wait(self) -> int:
        """The exit code; 128 + n when signal n ended it."""
        ...

    def resize(self, columns: int, rows: int) -> None: ...

    def kill(self) -> None: ...


class Runtime(Protocol):
    """Starts commands in containers and reads what containers have written."""

    async def exec(
        self, pod: Obj, container: str, argv: list[str], *, stdin: bool, tty: bool
    ) -> Execution:
        """
        Raises:
            ExecFailed: no such program, or the container is not running.
        """
        ...

    def attach(self, pod: Obj, container: str, *, stdin: bool) -> Execution:
        """
        The program of a running container; it goes on when the client goes.

        Raises:
            ExecFailed: the container is not running.
        """
        ...

    async def connect(
        self, pod: Obj, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """
        A connection to the pod's own loopback, by TCP.

        Raises:
            OSError: nothing listens there, in the container runtime's words.
        """
        ...

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
        Lines with their line ends; with `follow` until the container has ended.

        Raises:
            LookupError: there is no such container, or it has not been started (again).
        """
        ...
