"""Commands that ask whether a port answers, and ping. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from npol.model.probe import Probe
from npol.model.story import Protocol
from npol.probe.command import Capture, Command
from npol.probe.commands.http import connect_by_http
from npol.probe.toolbox import Nc, Toolbox

CONNECT = 'exec 3<>"/dev/tcp/$0/$1"'
ANSWER = 'exec 3<>"/dev/udp/$0/$1" && cat >&3 && exec dd bs=65536 count=1 status=none <&3'
"""bash's own sockets. The address and the port are arguments, $0 and $1."""
DATAGRAM = b"npol\n"


def whole(seconds: float) -> str:
    """For tools that know whole seconds only."""
    return str(max(1, math.ceil(seconds)))


def limit(seconds: float, box: Toolbox, *, always: bool = False) -> float:
    """
    What `timeout` is asked for: nothing if the tool keeps the time by itself.

    A fraction of a second is more than nc can keep, and than some `timeout` can.
    """
    exact = float(whole(seconds)) == seconds
    if not box.has("timeout") or (exact and not always):
        return 0.0
    return seconds if exact or box.has("fractions") else float(whole(seconds))


def connect_commands(probe: Probe, box: Toolbox) -> Iterator[Command]:
    """Best first; none when there is nothing to ask with."""
    kinds = {Protocol.TCP: _tcp, Protocol.UDP: _udp, Protocol.SCTP: _agnhost}
    return kinds[probe.protocol](probe, box)


def _tcp(probe: Probe, box: Toolbox) -> Iterator[Command]:
    address, port = probe.address, str(probe.port)
    wait = whole(probe.timeout)
    argv: tuple[str, ...]
    if box.nc is Nc.BUSYBOX:
        argv = ("nc", "-w", wait, address, port, "-e", "true")
        yield Command(tool="nc", reader="nc -e", argv=argv, limit=limit(probe.timeout, box))
    elif box.nc:
        argv = ("nc", "-n", "-z", "-v", "-w", wait, "--", address, port)
        yield Command(tool="nc", reader="nc", argv=argv, limit=limit(probe.timeout, box))
    if box.has("bash") and box.has("timeout"):
        until = limit(probe.timeout, box, always=True)
        argv = ("bash", "-c", CONNECT, address, port)
        yield Command(tool="bash", reader="bash", argv=argv, limit=until)
    yield from _agnhost(probe, box)
    yield from connect_by_http(probe, box)


def _udp(probe: Probe, box: Toolbox) -> Iterator[Command]:
    address, port = probe.address, str(probe.port)
    datagram = probe.payload.encode() or DATAGRAM
    argv: tuple[str, ...]
    if box.nc and box.nc_udp:
        one = ("-W", "1") if box.nc_limit else ()
        argv = ("nc", "-u", "-n", *one, "-w", whole(probe.timeout), "--", address, port)
        yield _datagram("nc", "nc -u", argv, datagram, limit(probe.timeout, box))
    if box.has("bash") and box.has("timeout"):
        argv = ("bash", "-c", ANSWER, address, port)
        until = limit(probe.timeout, box, always=True)
        yield _datagram("bash", "nc -u", argv, datagram, until)
    yield from _agnhost(probe, box)


def _datagram(
    tool: str, reader: str, argv: tuple[str, ...], datagram: bytes, until: float
) -> Command:
    return Command(
        tool=tool,
        reader=reader,
        argv=argv,
        capture=Capture.BODY,
        input=datagram,
        limit=until,
    )


def _agnhost(probe: Probe, box: Toolbox) -> Iterator[Command]:
    if not box.has("/agnhost"):
        return
    address = f"[{probe.address}]" if ":" in probe.address else probe.address
    options = (f"--timeout={probe.timeout:g}s", f"--protocol={probe.protocol.value}")
    argv = ("/agnhost", "connect", *options, f"{address}:{probe.port}")
    yield Command(tool="/agnhost", reader="agnhost", argv=argv)


def ping_commands(probe: Probe, box: Toolbox) -> Iterator[Command]:
    if not box.has("ping"):
        return
    argv = ("ping", "-n", "-c", "1", "-W", whole(probe.timeout), "--", probe.address)
    yield Command(tool="ping", reader="ping", argv=argv)
