"""
Commands that look a name up. Pure.

The question itself goes through nc, as bytes: dig and nslookup take eight times the CPU,
and blur the line between no answer and a bad one. They are what a person would use, and
what is asked where there is no nc.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from npol.model.probe import Probe
from npol.model.story import Protocol
from npol.probe.command import Capture, Command
from npol.probe.commands.connect import ANSWER, limit, whole
from npol.probe.parsers.dns import question
from npol.probe.toolbox import Nc, Toolbox

PORT = 53
TCP_ANSWER = ANSWER.replace("udp", "tcp")


def dns_commands(probe: Probe, box: Toolbox, *, ipv6: bool = False) -> Iterator[Command]:
    """
    Best first; none when there is nothing to ask with.

    Raises:
        ValueError: no such name can exist.
    """
    wire = question(probe.name, probe.protocol, ipv6=ipv6)
    family = "AAAA" if ipv6 else "A"
    yield from _by_wire(probe, box, wire)
    yield from _by_dig(probe, box, family)
    yield from _by_nslookup(probe, box, family)
    yield from _by_getent(probe, box)


def _by_wire(probe: Probe, box: Toolbox, wire: bytes) -> Iterator[Command]:
    if not probe.address or not box.has("base64"):
        return
    udp = probe.protocol is Protocol.UDP
    where = (probe.address, str(probe.port or PORT))
    hand = _by_hand(probe, box)
    argv: tuple[str, ...]
    if box.nc is Nc.OPENBSD and box.nc_limit:
        mode = ("-u", "-n") if udp else ("-n", "-v")
        argv = ("nc", *mode, "-W", "1", "-w", whole(probe.timeout), "--", *where)
        yield _wired("nc", argv, wire, limit(probe.timeout, box), hand)
    elif box.has("bash") and box.has("timeout"):
        argv = ("bash", "-c", ANSWER if udp else TCP_ANSWER, *where)
        yield _wired("bash", argv, wire, limit(probe.timeout, box, always=True), hand)


def _wired(tool: str, argv: tuple[str, ...], wire: bytes, until: float, hand: str) -> Command:
    return Command(
        tool=tool,
        reader="message",
        argv=argv,
        capture=Capture.DATAGRAM,
        input=wire,
        limit=until,
        by_hand=hand,
    )


def _by_hand(probe: Probe, box: Toolbox) -> str:
    family = "AAAA" if probe.family == 6 else "A"
    if box.has("dig"):
        return shlex.join(_dig(probe, family))
    if box.has("getent") and not box.has("nslookup"):
        return shlex.join(_getent(probe))
    return shlex.join(_nslookup(probe, box, family))


def _dig(probe: Probe, family: str) -> tuple[str, ...]:
    server = (f"@{probe.address}",) if probe.address else ()
    port = ("-p", str(probe.port)) if probe.port not in (0, PORT) else ()
    way = ("+tcp",) if probe.protocol is Protocol.TCP else ()
    once = ("+nosearch", f"+time={whole(probe.timeout)}", "+tries=1")
    return ("dig", *server, *port, *way, *once, "-t", family, "-q", probe.name)


def _by_dig(probe: Probe, box: Toolbox, family: str) -> Iterator[Command]:
    if box.has("dig"):
        yield Command(
            tool="dig", reader="dig", argv=_dig(probe, family), limit=limit(probe.timeout, box)
        )


def _nslookup(probe: Probe, box: Toolbox, family: str) -> tuple[str, ...]:
    tries = "-retry=1" if box.busybox_nslookup else "-retry=0"
    way = ("-vc",) if probe.protocol is Protocol.TCP else ()
    port = (f"-port={probe.port}",) if probe.port not in (0, PORT) else ()
    options = (f"-type={family.lower()}", f"-timeout={whole(probe.timeout)}", tries, *port, *way)
    server = (probe.address,) if probe.address else ()
    return ("nslookup", *options, probe.name, *server)


def _by_nslookup(probe: Probe, box: Toolbox, family: str) -> Iterator[Command]:
    """BusyBox's asks over UDP only."""
    if not box.has("nslookup") or (box.busybox_nslookup and probe.protocol is Protocol.TCP):
        return
    argv = _nslookup(probe, box, family)
    until = limit(probe.timeout, box)
    yield Command(tool="nslookup", reader="nslookup", argv=argv, limit=until)


def _getent(probe: Probe) -> tuple[str, ...]:
    """`hosts` answers with IPv6 addresses alone where there are any."""
    database = f"ahostsv{probe.family}" if probe.family else "hosts"
    return ("getent", database, probe.name)


def _by_getent(probe: Probe, box: Toolbox) -> Iterator[Command]:
    """The C library asks the servers of resolv.conf, over UDP, for either family."""
    own = not probe.address or probe.address in box.nameservers
    if own and probe.protocol is Protocol.UDP and box.has("getent") and box.has("timeout"):
        until = limit(probe.timeout, box, always=True)
        argv = _getent(probe)
        yield Command(tool="getent", reader="getent", argv=argv, limit=until)
