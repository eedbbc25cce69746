"""What runs in a container: a process of the host, or a program that the lab serves itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from npol_lab.node.apps.app import App, Place, UsageError
from npol_lab.node.apps.default import DefaultApp
from npol_lab.node.apps.http_echo import HttpEcho
from npol_lab.node.apps.netexec import Netexec
from npol_lab.node.apps.pause import Pause
from npol_lab.node.apps.serve_hostname import Porter, ServeHostname
from npol_lab.node.apps.stand_in import StandIn
from npol_lab.node.image_programs import programs
from npol_lab.node.images import Image


class Workload(Protocol):
    """One run of a container's program."""

    async def start(self) -> None:
        """
        Raises:
            CannotStart: there is no such program in the image.
        """

    async def wait(self) -> int:
        """The exit code, when it has ended."""
        ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


AGNHOST = {
    "netexec": Netexec,
    "pause": Pause,
    "serve-hostname": ServeHostname,
    "porter": Porter,
}
SINGLE: dict[str, type[App]] = {"http-echo": HttpEcho, "pause": Pause}
SHELLS = ("sh", "/bin/sh", "bash", "/bin/bash", "sleep", "/bin/sleep", "tail", "true", "false")


def builtin(image: Image, argv: list[str], *, has_ports: bool) -> type[App] | None:
    """
    The program that the lab serves itself for this command line; None: run it for real.

    A command of an image that the lab does not know is not there to be run. It is
    taken to serve the declared ports; without ports it is run if the base system can.
    """
    if image.behaviour == "agnhost" and argv[:1] in (["/agnhost"], ["agnhost"]):
        return AGNHOST.get(argv[1] if len(argv) > 1 else "pause")
    if image.behaviour in SINGLE and argv[:1] == list(image.entrypoint):
        return SINGLE[image.behaviour]
    if image.behaviour == "default":
        real = argv and not has_ports and (argv[0] in SHELLS or argv[0] in programs("debian"))
        return None if real else DefaultApp
    return None


class Served:
    """An `App` as a workload."""

    def __init__(self, make: Callable[[Place], App], place: Place) -> None:
        self._make = make
        self._place = place
        self._app: App | None = None

    async def start(self) -> None:
        self._app = self._make(self._place)
        try:
            await self._app.start()
        except UsageError as error:
            self._place.print(str(error))
            self._app.exit(error.code)
        except OSError as error:
            self._place.print(f"listen: {error.strerror or error}")
            self._app.exit(1)

    async def follow(self) -> None:
        """The Services may mean other ports now."""
        if isinstance(self._app, StandIn):
            await self._app.follow()

    async def wait(self) -> int:
        assert self._app is not None
        try:
            return await self._app.exited
        finally:
            await self._app.stop()

    def terminate(self) -> None:
        """Programs in Go that handle no signal end with code 2."""
        if self._app is not None:
            self._app.exit(2)

    def kill(self) -> None:
        if self._app is not None:
            self._app.exit(137)
