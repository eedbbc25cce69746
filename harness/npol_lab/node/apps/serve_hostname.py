"""agnhost's `serve-hostname` and `porter`."""

from __future__ import annotations

import asyncio
import re
from typing import cast

from aiohttp import web

from npol_lab.node.apps.app import App, flags, number

KNOWN = {"port": "9376", "tcp": "false", "udp": "false", "http": "true", "close": "false"}


class ServeHostname(App):
    """The pod's name over HTTP (the default), TCP or UDP at `--port` (9376)."""

    async def start(self) -> None:
        found = flags(self.place.arguments, KNOWN)
        port = number(found, "port")
        name = self.place.hostname
        if found["udp"] == "true":
            await self.serve_udp(port, lambda *_: name.encode())
        if found["tcp"] == "true":
            await self.serve_tcp(port, lambda: _Said(f"{name}\n".encode()))
        elif found["http"] == "true":
            await self.serve_http(port, self._answer)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=self.place.hostname)


class Porter(App):
    """Serves the value of each variable `SERVE_PORT_n` at TCP port n, over HTTP."""

    async def start(self) -> None:
        for name, value in self.place.env.items():
            if match := re.fullmatch(r"SERVE_PORT_(\d+)", name):
                await self._serve(int(match[1]), value)

    async def _serve(self, port: int, value: str) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text=value)

        await self.serve_http(port, answer)


class _Said(asyncio.Protocol):
    """Says its line to whoever connects, and closes."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.WriteTransport, transport)
        stream.write(self._line)
        stream.close()
