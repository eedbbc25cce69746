"""The streams of an exec over one WebSocket, as `v4` and `v5.channel.k8s.io` number them."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import WSMsgType, web

from npol.api_rules.objects import Obj
from npol_lab.registry.errors import StatusError

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
PROTOCOLS = (V5, V4)
MAX_FRAME = 4 * 1024 * 1024


class Channel(enum.IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4
    CLOSE = 255


SUCCESS: Obj = {"metadata": {}, "status": "Success"}


def exit_status(protocol: str, argv: Sequence[str], code: int) -> Obj:
    """
    The last word of an exec whose command ended with `code`.

    Over v4 it is the container runtime's, over v5 the API server's, which translates.
    """
    if code == 0:
        return SUCCESS
    if protocol == V5:
        how = f"command terminated with exit code {code}"
    else:
        how = f"error executing command [{' '.join(argv)}], exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {how}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failure_status(protocol: str, message: str) -> Obj:
    """The command did not run. Over v5 the server wraps what the node says a second time."""
    if protocol == V5 and not message.startswith("unable to upgrade connection"):
        message = f"Internal error occurred: {message}"
    return internal_error(message).status()


def internal_error(message: str) -> StatusError:
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)


class Channels:
    """
    One exec's WebSocket. Sending to a client that is gone is no error: the command goes on.
    """

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.protocol = socket.ws_protocol or V4

    async def send(self, channel: Channel, data: bytes) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            if not self.socket.closed:
                await self.socket.send_bytes(bytes([channel]) + data)

    async def send_status(self, status: Any) -> None:
        await self.send(Channel.ERROR, json.dumps(status, separators=(",", ":")).encode())

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame of any channel; None when the client has gone."""
        while True:
            message = await self.socket.receive()
            if message.type == WSMsgType.BINARY and message.data:
                return message.data[0], message.data[1:]
            if message.type == WSMsgType.TEXT and message.data:
                data = message.data.encode()
                return data[0], data[1:]
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return None

    async def close(self) -> None:
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            await self.socket.close()
