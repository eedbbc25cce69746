"""The API server of a lab: HTTPS on a socket that is already open."""

from __future__ import annotations

import logging
import socket

from aiohttp import web

from npol_lab.api import bodies, requests
from npol_lab.api.admin_endpoints import Admin
from npol_lab.api.certificates import Certificates
from npol_lab.api.connections import abort_all
from npol_lab.api.discovery import Discovery, version_info
from npol_lab.api.dispatch import Dispatch
from npol_lab.api.identity import Identity
from npol_lab.api.node_interface import Runtime
from npol_lab.api.openapi import OpenApi
from npol_lab.api.rbac import Authorizer
from npol_lab.api.request_context import Call
from npol_lab.api.request_counter import RequestCounter
from npol_lab.api.responses import error_response, json_response
from npol_lab.api.roles import install_roles
from npol_lab.api.users import Tokens
from npol_lab.registry import Registry, StatusError
from npol_lab.registry.errors import Json, no_such_resource

log = logging.getLogger(__name__)
HEALTH = ("/healthz", "/readyz", "/livez")
"""Answered to everybody, as is /version."""
HOSTS = (
    *("127.0.0.1", "localhost", "10.96.0.1", "10.98.1.1"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    "kubernetes.default.svc.cluster.local",
)
"""What may stand in a Host header: a web page that resolves its own name to us is refused."""


class Api:
    """
    Serves a registry until `stop`.

    Args:
        tokens: who may come in.
        certificates: the server's own; clients trust `certificates.authority`.
        runtime: where commands run and logs are kept.
    """

    def __init__(
        self, registry: Registry, runtime: Runtime, tokens: Tokens, certificates: Certificates
    ) -> None:
        self.counter = RequestCounter()
        self._registry = registry
        self._certificates = certificates
        self._authorizer = Authorizer(registry.store)
        self._identity = Identity(tokens, self._authorizer)
        self._dispatch = Dispatch(registry, runtime, tokens, self._authorizer)
        self.admin = Admin(self.counter, registry.store)
        self._openapi = OpenApi(registry)
        self._runner: web.AppRunner | None = None
        self._hosts: set[str] = set()

    async def start(self, sock: socket.socket, *more: socket.socket) -> None:
        """Serve on listening sockets, in the running event loop; clients are told the first."""
        install_roles(self._registry)
        host, port = sock.getsockname()[:2]
        self._hosts = {*HOSTS, *(s.getsockname()[0] for s in (sock, *more))}
        self._discovery = Discovery(self._registry, f"{host}:{port}")
        app = web.Application(client_max_size=bodies.MAX_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=0.1
        )
        await self._runner.setup()
        for each in (sock, *more):
            site = web.SockSite(self._runner, each, ssl_context=self._certificates.context)
            await site.start()

    async def stop(self) -> None:
        """At once: TLS would wait half a minute for clients that do not say goodbye."""
        self._dispatch.stop()
        if self._runner is None or self._runner.server is None:
            return
        transports = [c.transport for c in self._runner.server.connections if c.transport]
        await self._runner.cleanup()
        abort_all(transports)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except StatusError as error:
            return error_response(error)
        except web.HTTPException:
            raise
        except Exception as error:
            log.exception("%s %s", request.method, request.path)
            message = f"Internal error occurred: {error}"
            return error_response(StatusError(500, "InternalError", message))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._check_host(request)
        path = request.path
        if path.rstrip("/") in HEALTH:
            return web.Response(text="ok")
        if path.rstrip("/") == "/version":
            return json_response(version_info())
        user = self._identity.of(request)
        info = requests.parse(request.method, path, request.query)
        call = Call(request, info, user)
        if path.startswith("/npol-lab/"):
            return await self.admin.serve(call)
        self.counter.count(info)
        faults = self.admin.faults
        if faults is None:
            return await self._serve(call, {})
        action = faults.action(info)
        return await faults.around(request, action, lambda: self._serve(call, action))

    async def _serve(self, call: Call, action: Json) -> web.StreamResponse:
        self._identity.check(call)
        path = call.request.path
        if call.info.plural:
            return await self._dispatch.serve(call, action)
        if path in ("/", ""):
            return json_response({"paths": ["/api", "/apis", "/openapi/v3", "/version"]})
        if path.startswith("/openapi/"):
            return self._openapi.serve(call.request)
        if path.split("/")[1] in ("api", "apis"):
            return self._discovery.serve(path, call.request.headers.get("Accept", ""))
        raise no_such_resource()

    def _check_host(self, request: web.Request) -> None:
        """
        Raises:
            StatusError: 421 for a name that is not ours (DNS rebinding).
        """
        host = request.host.rsplit(":", 1)[0]
        if host not in self._hosts:
            raise StatusError(421, "BadRequest", f"this server is not {host!r}")
