"""
Which command asks a probe's question, given what the source has. Pure.

Cheap tools first: nc costs 1.5 ms of CPU and 2 MB, curl 7 ms and 11 MB, dig 12 ms. Values
are arguments of their own, checked before; none of them is ever part of a shell's text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.attempt import Attempt
from npol.probe.command import Command
from npol.probe.commands.connect import connect_commands, ping_commands
from npol.probe.commands.dns import dns_commands
from npol.probe.commands.http import http_commands
from npol.probe.parsers.parsed_result import Again, Reading
from npol.probe.toolbox import Toolbox, any_of

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
LONGEST_NAME = 254
NOTHING = Command(tool="true", reader="true", argv=("true",))


class CannotAsk(Exception):
    """The source has nothing that could ask this, or the question is malformed."""


def first_attempt(probe: Probe, box: Toolbox) -> Attempt:
    """
    The cheapest way to ask.

    Raises:
        CannotAsk: says what is missing, or what is wrong with the question.
    """
    _check(probe)
    if probe.kind is ProbeKind.DNS and not probe.address and box.nameservers:
        server, *left = box.nameservers
        return _attempt(replace(probe, address=server), box, servers=tuple(left))
    return _attempt(probe, box)


def control_attempt(probe: Probe, like: Attempt, box: Toolbox) -> Attempt:
    """
    A command like another one, to the source's own loopback: what it takes is the CPU's time.

    Some tools do not end at a refusal, or ask elsewhere; a bare process stands for them.
    """
    with suppress(CannotAsk):
        attempt = _attempt(probe, box)
        lingers = attempt.command.tool == "nslookup" and box.busybox_nslookup
        if attempt.command.reader == like.command.reader and not lingers:
            return attempt
    return Attempt(probe=probe, command=NOTHING)


def second_attempt(attempt: Attempt, reading: Reading, box: Toolbox) -> Attempt | None:
    """What would tell more than this reading; None: nothing would."""
    try:
        return _second(attempt, reading.again, box)
    except CannotAsk:
        return None


def _second(attempt: Attempt, again: Again | None, box: Toolbox) -> Attempt | None:
    if again is Again.WHY and (first := next(attempt.others, None)):
        return Attempt(probe=attempt.probe, command=first, others=attempt.others)
    if again is Again.FAMILY and not attempt.ipv6 and not attempt.probe.family:
        return _attempt(attempt.probe, box, ipv6=True)
    if again is Again.WHOLE and attempt.probe.protocol is not Protocol.TCP:
        return _attempt(replace(attempt.probe, protocol=Protocol.TCP), box, ipv6=attempt.ipv6)
    if again is Again.SERVER and attempt.servers:
        server, *left = attempt.servers
        return _attempt(replace(attempt.probe, address=server), box, servers=tuple(left))
    if again is Again.CONNECT:
        return _attempt(replace(attempt.probe, kind=ProbeKind.CONNECT), box)
    return None


def settle_attempts(first: Reading, second: Reading) -> Reading:
    """Which of two attempts stands: the second, unless it saw nothing, or less than an answer."""
    if first.outcome is Outcome.OPEN and second.outcome is not Outcome.OPEN:
        return first
    blank = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
    if second.outcome in blank and first.outcome is not Outcome.ERROR:
        return first
    return second


def _attempt(
    probe: Probe, box: Toolbox, *, servers: tuple[str, ...] = (), ipv6: bool = False
) -> Attempt:
    ipv6 = ipv6 or probe.family == 6
    commands = _commands(probe, box, ipv6=ipv6)
    try:
        first = next(commands, None)
    except ValueError as wrong:
        raise CannotAsk(str(wrong)) from None
    if first is None:
        raise CannotAsk(_missing(probe))
    return Attempt(probe=probe, command=first, others=commands, servers=servers, ipv6=ipv6)


def _commands(probe: Probe, box: Toolbox, *, ipv6: bool) -> Iterator[Command]:
    if probe.kind is ProbeKind.DNS:
        return dns_commands(probe, box, ipv6=ipv6)
    if probe.kind is ProbeKind.HTTP:
        return http_commands(probe, box)
    return (ping_commands if probe.kind is ProbeKind.PING else connect_commands)(probe, box)


def _check(probe: Probe) -> None:
    """Raises CannotAsk for values that no command should get to see."""
    if probe.address or probe.kind is not ProbeKind.DNS:
        try:
            ipaddress.ip_address(probe.address)
        except ValueError:
            raise CannotAsk(f"not a valid IP address: {probe.address!r}") from None
    for name in filter(None, (probe.name, probe.server_name)):
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            raise CannotAsk(f"not a valid host name: {name!r}")
    if probe.kind is ProbeKind.DNS and not probe.name:
        raise CannotAsk("a DNS probe needs a name")
    if probe.kind in (ProbeKind.CONNECT, ProbeKind.HTTP) and not probe.port:
        raise CannotAsk("a port from 1 to 65535 is needed")


_TOOLS = {
    ProbeKind.CONNECT: ("nc", "bash", "/agnhost", "curl", "wget"),
    ProbeKind.HTTP: ("curl", "wget"),
    ProbeKind.DNS: ("nc", "dig", "nslookup", "getent"),
    ProbeKind.PING: ("ping",),
}


def _missing(probe: Probe) -> str:
    tools: Sequence[str] = _TOOLS[probe.kind]
    if probe.kind is ProbeKind.CONNECT and probe.protocol is Protocol.UDP:
        tools = ("nc with -u", "bash", "/agnhost")
    if probe.kind is ProbeKind.CONNECT and probe.protocol is Protocol.SCTP:
        tools = ("/agnhost",)
    if probe.kind is ProbeKind.DNS and probe.protocol is Protocol.TCP:
        tools = ("nc", "dig", "nslookup of BIND")
    return f"the image has no {any_of(tools)} that could ask this"
