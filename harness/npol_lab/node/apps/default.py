"""What an image that the lab does not know does: it answers on its declared ports."""

from __future__ import annotations

from aiohttp import web

from npol_lab.node.apps.app import App, declared


class DefaultApp(App):
    """HTTP 200 with the pod's name on every declared TCP port, an echo on UDP ones."""

    async def start(self) -> None:
        for port, protocol in dict.fromkeys(declared(self.place.ports)):
            if protocol == "TCP":
                await self.serve_http(port, self._answer)
            else:
                await self.serve_udp(port, lambda data, _: data)
            self.place.print(f"listening on {port}/{protocol.lower()}")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.place.print(f"{request.method} {request.path_qs}")
        return web.Response(text=f"{self.place.hostname}\n")
