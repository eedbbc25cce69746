"""What every built-in program is given, and what it has to offer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from npol_lab.node.sandbox import Protocol, Sandbox

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answer = Callable[[bytes, tuple[str, int]], bytes | None]
"""A datagram and its sender -> the answer, or None for silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The container that a program runs in."""

    sandbox: Sandbox
    hostname: str
    arguments: Sequence[str]
    """Without the program's own name."""
    env: Mapping[str, str]
    ports: Sequence[Mapping[str, Any]]
    """The container's declared ports."""
    print: Callable[[str], None]
    shell: Callable[[str], Awaitable[tuple[int, bytes]]]
    """Runs `sh -c` in the container: exit code, and output and errors in one."""


class App:
    """
    A running program without a process. Subclasses listen in `start`.

    `exited` gets the exit code when the program ends by itself.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._open: list[asyncio.AbstractServer | asyncio.BaseTransport] = []
        self._webs: list[web.Server] = []

    async def start(self) -> None:
        """
        Raises:
            OSError: a port is taken.
            UsageError: the arguments are wrong.
        """

    def exit(self, code: int) -> None:
        if not self.exited.done():
            self.exited.set_result(code)

    async def serve_http(
        self,
        port: int,
        handler: Handler,
        host: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        server = web.Server(handler, access_log=None)
        self._webs.append(server)
        await self.serve_tcp(port, server, host, tls)

    async def serve_tcp(
        self,
        port: int,
        factory: Callable[[], asyncio.BaseProtocol],
        host: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        sock = self.place.sandbox.listen(port, "TCP", host)
        loop = asyncio.get_running_loop()
        self._open.append(await loop.create_server(factory, sock=sock, ssl=tls))

    async def serve_udp(self, port: int, answer: Answer, host: str = "") -> None:
        sock = self.place.sandbox.listen(port, "UDP", host)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(answer), sock=sock)
        self._open.append(transport)

    async def stop(self) -> None:
        """Close everything at once, open connections too: the process is gone."""
        for opened in self._open:
            opened.close()
        self._open.clear()
        await asyncio.sleep(0)  # transports close their sockets in the loop's next turn
        for server in self._webs:
            with contextlib.suppress(asyncio.CancelledError):
                await server.shutdown(timeout=0)
        self._webs.clear()
        self.exit(0)


class UsageError(Exception):
    """A program does not understand its arguments; `code` is its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._answer(data, addr)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def flags(arguments: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """
    Flags as Go programs take them: `-name=value`, `--name value`, bare ones are "true".

    Args:
        known: the flags there are, with their defaults.

    Raises:
        UsageError: an argument that is none of them.
    """
    found, rest = dict(known), list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or name not in known:
            raise UsageError(f"Error: unknown flag: {argument}")
        if not equals:
            bare = not rest or rest[0].startswith("-") or known[name] in ("true", "false")
            value = "true" if bare else rest.pop(0)
        found[name] = value
    return found


def number(found: Mapping[str, str], name: str) -> int:
    try:
        return int(found[name])
    except ValueError:
        raise UsageError(f'Error: invalid argument "{found[name]}" for "--{name}" flag') from None


def peer(request: web.BaseRequest) -> str:
    """The client as `address:port`."""
    assert request.transport is not None
    address, port = request.transport.get_extra_info("peername")[:2]
    return printed(address, port)


def printed(address: str, port: int) -> str:
    """As Go prints it: IPv4 clients of a socket for both families bear their own address."""
    address = address.removeprefix("::ffff:")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def declared(ports: Sequence[Mapping[str, Any]]) -> list[tuple[int, Protocol]]:
    """Port numbers with their protocols, SCTP left out: no socket of the lab speaks it."""
    found = [(p["containerPort"], p.get("protocol", "TCP")) for p in ports]
    return [(port, protocol) for port, protocol in found if protocol in ("TCP", "UDP")]
