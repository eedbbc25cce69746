"""How an exec goes wrong on purpose; `faults.py` lists the ways."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web

from npol.api_rules.objects import Obj
from npol_lab.api.channels import SUCCESS, Channel, Channels, failure_status
from npol_lab.api.faults import cut, dropped
from npol_lab.api.tamper import Tamper
from npol_lab.registry import Registry

WITHOUT_COMMAND = ("silent", "success-without-output", "garbage", "flood", "runtime-error")
FLOOD = 256 * 1024 * 1024
"""Bytes after which a flood ends by itself."""
NO_RUNTIME = (
    "error executing command in container: failed to exec in container: failed to create exec: "
    "cannot exec in a stopped state: unknown"
)


class _NoStatus(Tamper):
    tells_status = False


class _NoOutput(Tamper):
    def passes(self, chunk: bytes) -> bool:
        return False


class _Cut(Tamper):
    tells_status = False

    def __init__(self, request: web.Request, *, reset: bool) -> None:
        self._request = request
        self._reset = reset

    def sent(self) -> None:
        cut(self._request, reset=self._reset)


def tampered(mode: str, request: web.Request) -> Tamper:
    if mode in ("fin", "rst"):
        return _Cut(request, reset=mode == "rst")
    return {"close-without-status": _NoStatus, "exit-code-only": _NoOutput}.get(mode, Tamper)()


async def never_answered(request: web.Request) -> web.StreamResponse:
    await _until_gone(request)
    return dropped(request)


async def _until_gone(request: web.Request) -> None:
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.05)


async def play(mode: str, request: web.Request, channels: Channels) -> None:
    """The ways in which no command is run at all."""
    if mode == "silent":
        while await channels.receive() is not None:
            pass
    elif mode == "success-without-output":
        await channels.send_status(SUCCESS)
    elif mode == "runtime-error":
        await channels.send_status(failure_status(channels.protocol, NO_RUNTIME))
    elif mode == "garbage":
        await _talk_nonsense(channels)
    else:
        await _flood(channels)
    await channels.close()


async def _talk_nonsense(channels: Channels) -> None:
    await channels.send(Channel.STDOUT, os.urandom(64))
    await channels.socket.send_bytes(b"\x09 no such channel")
    await channels.socket.send_bytes(b"")
    await channels.send(Channel.ERROR, b'{"status": "Maybe", "details"')


async def _flood(channels: Channels) -> None:
    block, sent = b"flood " * 5000, 0
    while sent < FLOOD and not channels.socket.closed:
        await channels.send(Channel.STDOUT, block)
        sent += len(block)


def another(registry: Registry, pod: Obj, wanted: str) -> Obj:
    """Another running pod, of the same namespace if there is one; `wanted` is namespace/name."""
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    if wanted:
        return registry.get("pods", *wanted.split("/", 1))
    others = [
        p
        for p in registry.store.list("pods")
        if p["metadata"]["uid"] != uid and p.get("status", {}).get("phase") == "Running"
    ]
    others.sort(key=lambda p: p["metadata"]["namespace"] != namespace)
    return others[0] if others else pod
