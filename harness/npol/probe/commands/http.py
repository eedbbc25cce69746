"""Commands that ask over HTTP. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from urllib.parse import quote

from npol.model.probe import Probe
from npol.probe.command import Capture, Command
from npol.probe.parsers.http import ACCOUNT
from npol.probe.toolbox import Toolbox

PATIENCE = 1.5
"""How many timeouts a connected server may take for its answer."""
_PATH = "/?&=%+,;:@!$'()*~-._[]"
DEFAULT_PORTS = {"http": 80, "https": 443}

_CURL = ("curl", "-q", "-sS", "-g", "--path-as-is", "-k", "--noproxy", "*")
"""No configuration file, no globbing, no rewriting, any certificate, no proxy, no redirects."""


def http_commands(probe: Probe, box: Toolbox) -> Iterator[Command]:
    """Best first; none when there is nothing to ask with."""
    yield from _curl(probe, box)
    yield from _wget(probe, box)


def _curl(probe: Probe, box: Toolbox) -> Iterator[Command]:
    if not box.has("curl"):
        return
    host = (probe.server_name or probe.name).rstrip(".")
    url = _url(probe, host or _bracketed(probe.address))
    times = (
        "--connect-timeout",
        f"{probe.timeout:g}",
        "-m",
        f"{probe.timeout * PATIENCE:g}",
    )
    there = f"{host}:{probe.port}:{_bracketed(probe.address)}:{probe.port}"
    way = ("--connect-to", there) if host else ()
    if probe.server_name:
        way = (*way, "-H", f"Host: {probe.name.rstrip('.')}{_port(probe)}")
    hand = shlex.join(("curl", "-sS", "-k", "-i", *times, *way, url))
    yield Command(
        tool="curl",
        reader="curl",
        argv=(*_CURL, *times, "-w", f"%{{stderr}}\\n{ACCOUNT}\\n", *way, url),
        capture=Capture.BODY,
        by_hand=hand,
    )
    yield Command(tool="curl", reader="curl -v", argv=(*_CURL, "-v", *times, *way, url))


def _url(probe: Probe, host: str) -> str:
    path = probe.path if probe.path.startswith("/") else f"/{probe.path}"
    return f"{_scheme(probe)}://{host}{_port(probe)}{quote(path, safe=_PATH)}"


def _scheme(probe: Probe) -> str:
    return "https" if probe.tls else "http"


def _port(probe: Probe) -> str:
    return "" if DEFAULT_PORTS[_scheme(probe)] == probe.port else f":{probe.port}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _wget(probe: Probe, box: Toolbox) -> Iterator[Command]:
    """wget cannot ask one address under another name over TLS: then it does not ask."""
    if not box.has("wget") or (probe.tls and probe.name):
        return
    seconds = str(max(1, math.ceil(probe.timeout)))
    host = ("--header", f"Host: {probe.name.rstrip('.')}") if probe.name else ()
    url = _url(probe, _bracketed(probe.address))
    if box.busybox_wget:
        told = ("-S",) if box.busybox_wget_tells else ()
        argv: tuple[str, ...] = ("wget", *told, "-T", seconds, "-O", "-", *host, url)
        reader = "wget busybox"
    else:
        quiet = ("-S", "--max-redirect=0", "--no-check-certificate", "--no-proxy")
        more = ("--content-on-error", "-t", "1", "-T", seconds, "-O", "-")
        argv = ("wget", *quiet, *more, *host, url)
        reader = "wget"
    yield Command(tool="wget", reader=reader, argv=argv, capture=Capture.BODY)


def connect_by_http(probe: Probe, box: Toolbox) -> Iterator[Command]:
    """An HTTP request tells whether a port answers, whatever speaks behind it."""
    yield from http_commands(probe, box)
