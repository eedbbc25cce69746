"""What the API server wants from the node that a pod runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from harness.lab.store import Obj


class ExecFailed(Exception):
    """The command was never started; the message is the container runtime's."""


class Execution(Protocol):
    """A command that runs in a container. A terminal has no stderr of its own."""

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...

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
