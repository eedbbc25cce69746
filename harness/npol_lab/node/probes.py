"""
Readiness, liveness and startup probes, sent from the node's own network.

So policies do not cut them: a pod's own node may always reach it. The texts are
those that `kubectl describe` shows of a real kubelet.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from npol.api_rules.objects import Obj

Connect = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""(address, port) -> a TCP connection from the node."""
Run = Callable[[list[str]], Awaitable[tuple[int, bytes]]]
"""A command -> exit code and output, run in the container."""

ENOUGH = 10 * 1024
"""Bytes of an answer that are read; the kubelet reads no more, either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How a prober reaches the container."""

    address: str
    ports: list[dict[str, Any]]
    connect: Connect
    run: Run


class Failed(Exception):
    """The probe says no; the text says why."""


@dataclass(slots=True)
class Tally:
    """Counts equal results and says when they reach a threshold."""

    success_threshold: int = 1
    failure_threshold: int = 3
    _last: bool | None = field(default=None, init=False)
    _run: int = field(default=0, init=False)

    def add(self, good: bool) -> bool | None:
        """The result that now counts, or None when it is too early to say."""
        self._run = self._run + 1 if good == self._last else 1
        self._last = good
        needed = self.success_threshold if good else self.failure_threshold
        return good if self._run >= needed else None


async def ask(probe: Obj, means: Means) -> None:
    """
    One probe.

    Raises:
        Failed: the container did not answer as it should.
    """
    timeout = probe.get("timeoutSeconds") or 1
    if "httpGet" in probe:
        await _http(probe["httpGet"], means, timeout)
    elif "tcpSocket" in probe:
        await _tcp(probe["tcpSocket"], means, timeout)
    elif "exec" in probe:
        await _exec(probe["exec"]["command"], means, timeout)
    else:
        raise Failed("the lab does not do gRPC probes")


async def _tcp(action: Obj, means: Means, timeout: float) -> None:
    address, port = action.get("host") or means.address, resolve(action["port"], means.ports)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await means.connect(address, port)
    except OSError as error:
        raise Failed(f"dial tcp {address}:{port}: {_spoken(error)}") from None
    writer.close()


async def _exec(command: list[str], means: Means, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            code, output = await means.run(command)
    except TimeoutError:
        text = f"command {command!r} timed out after {timeout:g}s"
        raise Failed(text) from None
    if code != 0:
        raise Failed(output[:ENOUGH].decode(errors="replace"))


async def _http(action: Obj, means: Means, timeout: float) -> None:
    address, port = action.get("host") or means.address, resolve(action["port"], means.ports)
    scheme = (action.get("scheme") or "HTTP").lower()
    path = action.get("path") or "/"
    url = f"{scheme}://{address}:{port}{path if path[0] == '/' else '/' + path}"
    headers = {h["name"]: h["value"] for h in action.get("httpHeaders") or []}
    try:
        async with asyncio.timeout(timeout):
            status = await _get(url, headers, means.connect)
    except TimeoutError:
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise Failed(f'Get "{url}": {text}') from None
    except (OSError, ValueError) as error:
        raise Failed(f'Get "{url}": {_spoken_http(error, address, port)}') from None
    if not 200 <= status < 400:
        raise Failed(f"HTTP probe failed with statuscode: {status}")


async def _get(url: str, headers: dict[str, str], connect: Connect) -> int:
    """
    Raises:
        ValueError: the answer is not HTTP.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    reader, writer = await connect(parts.hostname, parts.port)
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            await writer.start_tls(context)
        writer.write(_request(parts.path, parts.query, parts.netloc, headers))
        status = (await reader.readline()).decode("latin-1").split(" ", 2)
        await reader.read(ENOUGH)
    finally:
        writer.close()
    if len(status) < 2 or not status[0].startswith("HTTP/") or not status[1][:3].isdigit():
        raise ValueError("EOF" if status == [""] else "malformed HTTP response")
    return int(status[1][:3])


def _request(path: str, query: str, host: str, headers: dict[str, str]) -> bytes:
    given = {"Host": host, "User-Agent": "kube-probe/1.33", "Accept": "*/*"} | headers
    lines = [f"GET {path}{'?' + query if query else ''} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def resolve(port: int | str, ports: list[dict[str, Any]]) -> int:
    """
    A port number, or the number of the declared port of that name.

    Raises:
        Failed: no declared port has the name.
    """
    if isinstance(port, int):
        return port
    for declared in ports:
        if declared.get("name") == port:
            return int(declared["containerPort"])
    if port.isdigit():
        return int(port)
    raise Failed(f"couldn't find port: {port}")


def _spoken(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    return f"connect: {(error.strerror or str(error)).lower()}"


def _spoken_http(error: Exception, address: str, port: int) -> str:
    if isinstance(error, ConnectionResetError):
        return f"read tcp {address}:{port}: read: connection reset by peer"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"dial tcp {address}:{port}: {_spoken(error)}"
    return str(error)
