"""
What answers `hubble observe` in the pods of a node's agent, over a socket of the node's network.

A request is one line of JSON: `follow`, `since` (seconds), `last` (a number), `from_ip`, `to_ip`
(addresses; none: any). The answer is lines as Hubble writes them. A client that reads too
slowly is told how many records it lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterable
from typing import Any

from npol_lab.isolation.namespaces import inside
from npol_lab.net.flow_log import KEPT, Decided, Entry, FlowLog, Missing
from npol_lab.net.hubble_json import addresses, line, version

ADDRESS = "\0npol-lab-flows"
"""An abstract name: only who is in the node's own network namespace reaches it."""


async def serve_flows(log: FlowLog, netns: str) -> None:
    """For as long as the running loop runs."""
    with inside(netns):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(ADDRESS)
    await asyncio.start_unix_server(lambda r, w: _answer(log, r, w), sock=listener)


async def _answer(log: FlowLog, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ValueError):
        request: dict[str, Any] = json.loads(await reader.readline())
        telling = asyncio.ensure_future(_tell(log, request, writer))
        gone = asyncio.ensure_future(reader.read(1))
        _, pending = await asyncio.wait({telling, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(telling, gone, return_exceptions=True)
    writer.close()


async def _tell(log: FlowLog, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    queue: asyncio.Queue[Entry] = asyncio.Queue(KEPT)
    lost = 0

    def take(entry: Entry) -> None:
        nonlocal lost
        try:
            queue.put_nowait(entry)
        except asyncio.QueueFull:
            lost += 1

    stop = log.follow(take)  # before anything is awaited: nothing is missed in between
    try:
        for entry in _wanted(_past(log, request), request):
            writer.write(line(entry, log))
        await writer.drain()
        while request.get("follow"):
            fresh = [await queue.get()]
            while not queue.empty():
                fresh.append(queue.get_nowait())
            if lost:
                fresh.append(Missing(time.time(), lost))
                lost = 0
            writer.write(b"".join(line(e, log) for e in _wanted(fresh, request)))
            await writer.drain()
    finally:
        stop()


def _past(log: FlowLog, request: dict[str, Any]) -> list[Entry]:
    since, last = request.get("since"), request.get("last")
    found = list(log.kept)
    if since is not None:
        found = [e for e in found if e.time >= time.time() - since]
    elif last is None:
        return []
    return found if last is None else found[-last:] if last else []


def _wanted(entries: Iterable[Entry], request: dict[str, Any]) -> list[Entry]:
    sources, targets = request.get("from_ip") or (), request.get("to_ip") or ()

    def wanted(entry: Entry) -> bool:
        if not isinstance(entry, Decided):
            return True
        if not version(entry.packet):
            return False
        source, target = addresses(entry.packet)
        return (not sources or source in sources) and (not targets or target in targets)

    return [entry for entry in entries if wanted(entry)]
