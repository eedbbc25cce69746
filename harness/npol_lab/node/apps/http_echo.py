"""hashicorp/http-echo: one text for every request."""

from __future__ import annotations

from aiohttp import web

from npol_lab.node.apps.app import App, UsageError, flags, number

HEADERS = {"X-App-Name": "http-echo", "X-App-Version": "1.0.0"}


class HttpEcho(App):
    """`-text`, `-listen` (`:5678`) and `-status-code`; `/health` is always 200."""

    async def start(self) -> None:
        known = {"text": "", "listen": ":5678", "status-code": "200"}
        found = flags(self.place.arguments, known)
        self._text = found["text"] or self.place.env.get("ECHO_TEXT", "")
        if not self._text:
            raise UsageError("Missing -text option or ECHO_TEXT env var!", 127)
        self._status = number(found, "status-code")
        host, _, port = found["listen"].rpartition(":")
        self.place.print(f"[INFO] server is listening on {found['listen']}")
        await self.serve_http(int(port), self._answer, host)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/health":
            return web.Response(text='{"status":"ok"}\n', headers=HEADERS)
        self.place.print(f"{request.method} {request.path_qs}")
        return web.Response(text=f"{self._text}\n", status=self._status, headers=HEADERS)
