"""The program of a stand-in: HTTP 200 on its TCP ports, an echo on UDP ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from npol_lab.node import certificates
from npol_lab.node.apps.app import App, Place
from npol_lab.node.stand_ins import Listened


class StandIn(App):
    """`listened` is asked again whenever the Services have changed."""

    def __init__(self, place: Place, listened: Callable[[], Iterable[Listened]]) -> None:
        super().__init__(place)
        self._listened = listened
        self._ports: set[tuple[int, str]] = set()

    async def start(self) -> None:
        self.place.print("a stand-in: the lab does not have this image")
        await self.follow()

    async def follow(self) -> None:
        for wanted in self._listened():
            if (wanted.port, wanted.protocol) not in self._ports:
                self._ports.add((wanted.port, wanted.protocol))
                await self._listen(wanted)

    async def _listen(self, wanted: Listened) -> None:
        where = f"{wanted.port}/{wanted.protocol.lower()}"
        try:
            if wanted.protocol == "UDP":
                await self.serve_udp(wanted.port, lambda data, _: data)
            else:
                tls = certificates.server_context() if wanted.tls else None
                await self.serve_http(wanted.port, self._answer, tls=tls)
        except OSError as error:  # another container of the pod has it
            self.place.print(f"not listening on {where}: {error.strerror or error}")
        else:
            self.place.print(f"listening on {where}")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.place.print(f"{request.method} {request.path_qs}")
        return web.Response(text=f"{self.place.hostname}\n")


class Finished(App):
    """The stand-in of a program that has something to do: it is done."""

    async def start(self) -> None:
        self.place.print("a stand-in: the lab does not have this image, and takes it as done")
        self.exit(0)
