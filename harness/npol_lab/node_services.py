"""What listens inside the lab's network besides pods: the API for pods, and kubelets' ports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from npol_lab.net.network import API_PORT, ROUTER, Network

KUBELET_PORT = 10250
UNAUTHORIZED = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
    b"Connection: close\r\n\r\nUnauthorized"
)
HEADERS_END = b"\r\n\r\n"
PATIENCE = 10.0
"""Seconds for a client to finish its request."""


def api_for_pods() -> socket.socket:
    """What the Service `kubernetes` leads to. This process lives on the router."""
    return socket.create_server((ROUTER, API_PORT), backlog=512)


async def serve_kubelets(network: Network, nodes: list[str], certificate: ssl.SSLContext) -> None:
    """A port on every node that answers as a kubelet does to strangers; until cancelled."""
    async with contextlib.AsyncExitStack() as stack:
        for node, address in ((n, a) for n in nodes for a in network.node_addresses(n)):
            sock = network.node_socket(node, towards=address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, KUBELET_PORT))
            server = await asyncio.start_server(_refuse, sock=sock, ssl=certificate)
            await stack.enter_async_context(server)
        await asyncio.Event().wait()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, OSError):
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(HEADERS_END)
            writer.write(UNAUTHORIZED)
            await writer.drain()
    writer.close()
