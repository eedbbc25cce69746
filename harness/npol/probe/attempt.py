"""One attempt at a probe's answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from npol.model.probe import Probe
from npol.probe.bulk_connect import BULK_TOOL
from npol.probe.command import Command, Ended
from npol.probe.commands.source_port import from_port
from npol.probe.parsers.parsed_result import Reading

BULK = 16
"""The weight of a Python with its modules."""

_numbers = itertools.count(1)


def new_id() -> str:
    """What an answer is recognised by; the session's nonce keeps others from forging one."""
    return f"{next(_numbers):x}"


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One command sent for a probe, and what became of it; a second attempt may follow."""

    probe: Probe
    """As it is asked: a DNS probe has its server filled in."""
    command: Command
    others: Iterator[Command] = field(default_factory=lambda: iter(()))
    """What else could ask the same, best first; made when it is wanted."""
    servers: tuple[str, ...] = ()
    """Name servers that are left."""
    ipv6: bool = False
    members: tuple[Attempt, ...] = ()
    """The attempts that are made by this one command, if it is a bundle of them."""
    bundled: bool = False
    control: str = ""
    """The reader for whose commands this one is the control."""
    earlier: Attempt | None = None
    """The attempt before it, which stands if this one sees nothing."""
    source_port: int | None = None
    """The port that it is sent from; None: the kernel chooses it."""
    ports_taken: int = 0
    """How often the port that was chosen for it could not be had."""
    id: str = field(default_factory=new_id)
    overdue: float = 0.0
    """When its answer is given up; set when it is sent."""
    end_asked: bool = False
    """Whether its tool is to end now: what it would wait for is known already."""
    ended_early: bool = False
    """Whether its tool did so, without an answer."""
    ended: Ended | None = None
    reading: Reading | None = None

    @property
    def sent_as(self) -> Command:
        """The command as it runs; `command` is what a person would repeat."""
        if self.members:
            words = (word for member in self.members for word in member._end)
            return replace(self.command, argv=tuple(words))
        if self.source_port is None:
            return self.command
        return from_port(self.command, self.source_port) or self.command

    @property
    def _end(self) -> tuple[str, ...]:
        """Where one of a bundle leads, and by Python where it leaves from."""
        where = (self.probe.address, str(self.probe.port))
        return (*where, str(self.source_port or 0)) if self.command.tool == BULK_TOOL else where

    @property
    def source_ports(self) -> tuple[int, ...]:
        """The ports that it, or what it bundles, is sent from by choice."""
        return tuple(a.source_port for a in self._parts if a.source_port is not None)

    def asked_from(self, port: int) -> Attempt:
        """What of it leaves from this port of `source_ports`."""
        return next(a for a in self._parts if a.source_port == port)

    @property
    def may_end(self) -> bool:
        """Whether nothing that it would wait for is unknown any more."""
        return all(a.end_asked for a in self._parts)

    @property
    def _parts(self) -> tuple[Attempt, ...]:
        return self.members or (self,)

    @property
    def weight(self) -> int:
        """Memory and processes, in units of what nc takes."""
        if self.members and self.command.tool == BULK_TOOL:
            return BULK + len(self.members) // 10
        if self.members:
            return max(1, len(self.members) // 2)
        return 4 if self.command.tool in ("curl", "wget", "dig", "/agnhost") else 1
