"""Connections that a program opens from inside its pod: agnhost's `/dial`."""

from __future__ import annotations

import asyncio

from npol_lab.families import numeric
from npol_lab.node.apps.app import printed
from npol_lab.node.sandbox import Sandbox

TIMEOUT = 5.0
"""Seconds, as agnhost's clients have it."""
LONGEST = 1 << 20
"""Bytes of an answer that are kept: what a server sends is in the lab's own memory here."""


async def dial_http(sandbox: Sandbox, host: str, port: int, request: str) -> str:
    """
    The body of `http://host:port/request`, as far as it is kept.

    Raises:
        OSError: no answer, or the host is a name; a TimeoutError is one.
    """
    host = numeric(host)
    async with asyncio.timeout(TIMEOUT):
        sock = sandbox.socket("TCP", towards=host)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            lines = (f"GET /{request} HTTP/1.0", f"Host: {printed(host, port)}", "", "")
            writer.write("\r\n".join(lines).encode())
            answer = await _start_of(reader)
        finally:
            writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode(errors="replace")


async def _start_of(reader: asyncio.StreamReader) -> bytes:
    kept = b""
    while len(kept) < LONGEST and (piece := await reader.read(LONGEST - len(kept))):
        kept += piece
    return kept


async def dial_udp(sandbox: Sandbox, host: str, port: int, request: str) -> str:
    """
    The first datagram that answers `request`.

    Raises:
        OSError: no answer, or the host is a name; a TimeoutError is one.
    """
    host, loop = numeric(host), asyncio.get_running_loop()
    with sandbox.socket("UDP", towards=host) as sock:
        async with asyncio.timeout(TIMEOUT):
            await loop.sock_connect(sock, (host, port))
            await loop.sock_sendall(sock, request.encode())
            return (await loop.sock_recv(sock, 2048)).decode(errors="replace")
