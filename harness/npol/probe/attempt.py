"""One attempt at a probe's answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from npol.model.probe import Probe
from npol.probe.command import Command
from npol.probe.framing import Frame
from npol.probe.parsers.parsed_result import Reading


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One command sent for a probe, and what became of it; a second attempt may follow."""

    probe: Probe
    """As it is asked: a DNS probe has its server filled in."""
    command: Command
    others: tuple[Command, ...] = ()
    """What else could ask the same, best first."""
    servers: tuple[str, ...] = ()
    """Name servers that are left."""
    ipv6: bool = False
    control: str = ""
    """The reader for whose commands this one is the control."""
    earlier: Reading | None = None
    """What the attempt before it read."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    overdue: float = 0.0
    """When its answer is given up; set when it is sent."""
    frame: Frame | None = None
    reading: Reading | None = None

    @property
    def weight(self) -> int:
        """Memory, in units of what nc takes."""
        return 4 if self.command.tool in ("curl", "wget", "dig", "/agnhost") else 1
