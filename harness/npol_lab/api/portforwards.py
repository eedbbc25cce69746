"""`pods/portforward`: connections to a pod's own loopback, which no NetworkPolicy sees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from npol_lab.api import spdy
from npol_lab.api.channels import MAX_FRAME
from npol_lab.api.node_interface import Runtime
from npol_lab.api.request_context import Call
from npol_lab.registry import Registry, errors

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
CHUNK = 32 * 1024
OTHERS = (
    "port-forward but as kubectl >= 1.31 asks for it, "
    f"by a WebSocket with the subprotocol {PROTOCOL}"
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[int], Awaitable[Streams]]


class PortForwards:
    def __init__(self, registry: Registry, runtime: Runtime) -> None:
        self._registry = registry
        self._runtime = runtime

    async def serve(self, call: Call) -> web.StreamResponse:
        """
        Raises:
            StatusError: no such pod, it does not run, or another protocol is wanted.
        """
        pod = self._registry.get("pods", call.namespace, call.info.name)
        if (pod.get("status") or {}).get("phase") != "Running":
            phase = (pod.get("status") or {}).get("phase", "Pending")
            raise errors.bad_request(
                f"unable to forward port because pod is not running. Current status={phase}"
            )
        if PROTOCOL not in call.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise errors.not_implemented(OTHERS)
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,), max_msg_size=MAX_FRAME, compress=False
        )
        await socket.prepare(call.request)
        await _Tunnel(socket, lambda port: self._runtime.connect(pod, port)).run()
        return socket


@dataclass(slots=True)
class _Pair:
    """The two streams of one connection: its bytes, and what went wrong."""

    port: int
    streams: dict[str, int] = field(default_factory=dict)
    incoming: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    """Ends with an empty piece."""


class _Tunnel:
    """One client, with as many connections as it likes."""

    def __init__(self, socket: web.WebSocketResponse, connect: Connect) -> None:
        self._socket = socket
        self._connect = connect
        self._frames = spdy.Frames()
        self._pairs: dict[str, _Pair] = {}
        self._receiving: dict[int, _Pair] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client goes."""
        try:
            async for message in self._socket:
                if message.type == WSMsgType.BINARY:
                    for event in self._frames.feed(message.data):
                        await self._hear(event)
        except ValueError:
            await self._socket.close(message=b"this is not SPDY/3.1")
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self, event: spdy.Event) -> None:
        if isinstance(event, spdy.Ping):
            await self._send(event.frame)
        elif isinstance(event, spdy.Opened):
            await self._send(self._frames.reply(event.stream))
            self._opened(event)
        elif pair := self._receiving.get(event.stream):
            if event.data:
                pair.incoming.put_nowait(event.data)
            if event.last:
                pair.incoming.put_nowait(b"")

    def _opened(self, event: spdy.Opened) -> None:
        """A connection begins when both of its streams are there."""
        headers = event.headers
        port, number = int(headers.get("port", 0)), headers.get("requestid", "")
        pair = self._pairs.setdefault(number, _Pair(port))
        pair.streams[headers.get("streamtype", "")] = event.stream
        if headers.get("streamtype") == "data":
            self._receiving[event.stream] = pair
        if {"data", "error"} <= pair.streams.keys():
            del self._pairs[number]
            task = asyncio.create_task(self._forward(pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, pair: _Pair) -> None:
        data, error = pair.streams["data"], pair.streams["error"]
        trouble = b""
        try:
            await self._copy(pair, data)
        except OSError as failed:
            trouble = str(failed).encode()
        self._receiving.pop(data, None)
        await self._send(spdy.data(data, b"", last=True))
        await self._send(spdy.data(error, trouble, last=True))

    async def _copy(self, pair: _Pair, stream: int) -> None:
        reader, writer = await self._connect(pair.port)
        sending = asyncio.create_task(_pass_on(pair.incoming, writer))
        try:
            while chunk := await reader.read(CHUNK):
                await self._send(spdy.data(stream, chunk))
        finally:
            sending.cancel()
            writer.close()

    async def _send(self, frame: bytes) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # the client has gone
            if not self._socket.closed:
                await self._socket.send_bytes(frame)


async def _pass_on(incoming: asyncio.Queue[bytes], writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await incoming.get():
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
