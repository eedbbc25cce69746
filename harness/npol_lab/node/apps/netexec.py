"""
agnhost's `netexec`: HTTP and UDP servers with the endpoints that tests ask.

Source of the answers: Kubernetes test/images/agnhost/netexec/netexec.go.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Coroutine
from datetime import datetime

from aiohttp import web

from npol_lab.node import certificates
from npol_lab.node.apps.app import App, flags, number, peer, printed
from npol_lab.node.apps.dial import dial_http, dial_udp
from npol_lab.node.durations import parse_duration

KNOWN = {
    "http-port": "8080",
    "udp-port": "8081",
    "sctp-port": "-1",
    "delay-shutdown": "0",
    "http-override": "",
    "tls-cert-file": "",
    "tls-private-key-file": "",
    "udp-listen-addresses": "",
}
MOST_TRIES = 256
"""Of one `/dial`: their answers are kept until it is over."""
Endpoint = Callable[[web.BaseRequest], Coroutine[None, None, web.Response]]


class Netexec(App):
    """`--http-port` (8080) and `--udp-port` (8081, -1 for none)."""

    async def start(self) -> None:
        found = flags(self.place.arguments, KNOWN)
        self._override = found["http-override"]
        self._udp_port = number(found, "udp-port")
        self._endpoints: dict[str, Endpoint] = {
            "/clientip": self._client_ip,
            "/header": self._header,
            "/dial": self._dial,
            "/echo": self._echo,
            "/exit": self._exit,
            "/healthz": self._healthz,
            "/hostname": self._hostname,
            "/hostName": self._hostname,
            "/redirect": self._redirect,
            "/shell": self._shell,
            "/shutdown": self._shutdown,
        }
        if self._udp_port != -1:
            for host in found["udp-listen-addresses"].split(",") or [""]:
                await self.serve_udp(self._udp_port, self._datagram, host)
            self.place.print(f"Started UDP server on port {self._udp_port}")
        port = number(found, "http-port")
        self.place.print(f"Started HTTP server on port {port}")
        tls = certificates.server_context() if found["tls-cert-file"] else None
        await self.serve_http(port, self._answer, tls=tls)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._override:
            request = request.clone(rel_url=self._override)
        self.place.print(f"GET {request.rel_url.path_qs}")
        endpoint = self._endpoints.get(request.rel_url.path)
        if endpoint is not None:
            try:
                return await endpoint(request)
            except ValueError as error:
                return web.Response(status=400, text=f"{error}\n")
        return web.Response(text=f"NOW: {_go_time(datetime.now().astimezone())}")

    async def _client_ip(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text=peer(request))

    async def _header(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.headers.get(request.rel_url.query.get("key", ""), ""))

    async def _hostname(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text=self.place.hostname)

    async def _healthz(self, request: web.BaseRequest) -> web.Response:
        return web.Response(status=412 if self._udp_port == -1 else 200)

    async def _echo(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        code = query.get("code", "")
        if code and not code.isdigit():
            text = f"argument 'code' must be an integer or empty, got \"{code}\"\n"
            return web.Response(text=text)
        return web.Response(text=query.get("msg", ""), status=int(code or 200))

    async def _redirect(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        headers = {"Location": query.get("location", "")}
        return web.Response(status=int(query.get("code", "302")), headers=headers)

    async def _exit(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        await asyncio.sleep(parse_duration(query.get("wait", "") or "0s"))
        self.exit(int(query.get("code", "") or 0))
        return web.Response()

    async def _shutdown(self, request: web.BaseRequest) -> web.Response:
        self.exit(0)
        return web.Response()

    async def _shell(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        command = query.get("shellCommand", "") or query.get("cmd", "")
        code, output = await self.place.shell(command)
        answer = {"output": output.decode(errors="replace")} if output else {}
        if code != 0:
            answer["error"] = f"exit status {code}"
        return web.Response(text=_json(answer))

    async def _dial(self, request: web.BaseRequest) -> web.Response:
        query = request.rel_url.query
        host, port, what = (query.get(k, "") for k in ("host", "port", "request"))
        if not what or not port.isdigit():
            return web.Response(status=400, text="request parameter not specified. <nil>\n")
        dial = {"": dial_http, "http": dial_http, "udp": dial_udp}.get(query.get("protocol", ""))
        if dial is None:
            return web.Response(status=400, text=f"unsupported protocol. {query['protocol']}\n")
        answer: dict[str, list[str]] = {}
        for _ in range(min(int(query.get("tries", "1")), MOST_TRIES)):
            try:
                response = await dial(self.place.sandbox, host, int(port), what)
                answer.setdefault("responses", []).append(response)
            except (OSError, ssl.SSLError) as error:
                answer.setdefault("errors", []).append(str(error))
        return web.Response(text=_json(answer))

    def _datagram(self, data: bytes, sender: tuple[str, int]) -> bytes | None:
        """Commands it does not know get silence, as the real one gives it."""
        command = data.decode(errors="replace").strip().lower()
        if command == "hostname":
            return self.place.hostname.encode()
        if command == "clientip":
            return printed(*sender[:2]).encode()
        if command.startswith("echo "):
            return command[len("echo ") :].encode()
        self.place.print(f"Unknown UDP command received: {command}")
        return None


def _json(answer: object) -> str:
    return json.dumps(answer, separators=(",", ":"))


def _go_time(moment: datetime) -> str:
    """As Go prints a time: `2026-11-21 10:31:13.000000000 +0000 UTC m=+0.000000000`."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f000 %z %Z") + " m=+0.000000001"
