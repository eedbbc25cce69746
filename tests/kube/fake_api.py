"""
An API server of a few lines with scripted faults: TLS, a token, JSON, WebSockets.

It runs in a thread of its own. What a path answers is scripted beforehand; each answer is
used up, the last one stays.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trustme
import yaml
from aiohttp import web

from npol_lab.api.connections import abort_all

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
EXEC = "/api/v1/namespaces/default/pods/web-0/exec"


def reply(status=200, body=None, **headers):
    """An answer in JSON; header names with `_` for `-`."""

    async def answer(request):
        data = body if body is not None else {"kind": "Status", "message": f"status {status}"}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(data, status=status, headers=names)

    return answer


def status(code, reason, message):
    """An error as the API server spells it."""
    return reply(code, {"kind": "Status", "code": code, "reason": reason, "message": message})


async def cut(request):
    """No answer: the connection ends (FIN)."""
    request.transport.close()
    await asyncio.sleep(0.05)
    return web.Response()


async def reset(request):
    """No answer: the connection is reset (RST)."""
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    await asyncio.sleep(0.05)
    return web.Response()


async def mute(request):
    """No answer, and the connection stays."""
    await asyncio.sleep(30)
    return web.Response()


@functools.cache
def certificates():
    """One authority and one certificate for all servers: making them is slow."""
    authority = trustme.CA()
    return authority, authority.issue_cert("127.0.0.1")


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict
    headers: dict
    body: object


@dataclass
class FakeApi:
    """The server, its certificate, and what it saw."""

    directory: Path
    token: str = "sesame-0123456789abcdef"
    certificates: bool = False
    """Whether clients sign in by certificate in place of the token."""
    script: dict[tuple[str, str], list[Handler]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def on(self, method, path, *answers):
        """Script what a path answers, one after the other."""
        self.script[method, path] = list(answers)

    def sent(self, *methods):
        """`METHOD path` of all requests of these methods (all without any)."""
        return [f"{s.method} {s.path}" for s in self.seen if not methods or s.method in methods]

    def __enter__(self):
        self._transports = set()
        self.authority, self._certificate = certificates()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._certificate.configure_cert(context)
        if self.certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self):
        await self._runner.cleanup()
        abort_all(self._transports)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was aborted is closed by the loop

    async def _answer(self, request):
        self._transports.add(request.transport)
        text = await request.text()
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                json.loads(text) if text else None,
            )
        )
        bearer = request.headers.get("authorization")
        if not self.certificates and bearer != f"Bearer {self.token}":
            return await status(401, "Unauthorized", "Unauthorized")(request)
        answers = self.script.get((request.method, request.path))
        if not answers:
            return await status(404, "NotFound", f"nothing at {request.path}")(request)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await answer(request)

    def client_certificate(self):
        """A user of a kubeconfig who signs in by certificate."""
        made = self.authority.issue_cert("tester")
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        return {
            "client-certificate-data": base64.b64encode(chain).decode(),
            "client-key-data": base64.b64encode(made.private_key_pem.bytes()).decode(),
        }

    def kubeconfig(self, *, user=None, cluster=None, name="kubeconfig"):
        """A kubeconfig with the context `test`; user and cluster may be replaced in part."""
        authority = self.directory / "ca.pem"
        self.authority.cert_pem.write_to_path(authority)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "tester"}}],
            "clusters": [
                {
                    "name": "c",
                    "cluster": {
                        "server": f"https://127.0.0.1:{self.port}",
                        "certificate-authority": "ca.pem",
                        **(cluster or {}),
                    },
                }
            ],
            "users": [{"name": "tester", "user": user or {"token": self.token}}],
        }
        path = self.directory / name
        path.write_text(yaml.safe_dump(content))
        path.chmod(0o600)
        return str(path)
