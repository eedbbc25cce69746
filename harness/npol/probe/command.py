"""One command that asks a probe's question, and what became of it."""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass


class Capture(enum.Enum):
    """What of a command's output comes back."""

    TEXT = "text"
    BODY = "body"  # the beginning of its stdout as bytes, apart from its words
    DATAGRAM = "datagram"  # the same for what is short anyway: one process less


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run in the source."""

    tool: str
    """The program that asks, for people."""
    reader: str
    """Whose words these will be: a key of `parsers.outcome.READERS`."""
    argv: tuple[str, ...]
    many: bool = False
    """Whether `argv` are addresses and ports for a bundle of connections (`probe.bundle`)."""
    capture: Capture = Capture.TEXT
    input: bytes = b""
    limit: float = 0.0
    """Seconds after which `timeout` ends it; 0: it ends by itself."""
    by_hand: str = ""
    """The same question as a person would ask it; "": argv as it is."""

    def __str__(self) -> str:
        return self.by_hand or shlex.join(self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended, or was ended. Times are seconds by the source's own clock."""

    exit_code: int
    words: str
    """What it wrote: all of it, or its stderr where the body was captured."""
    body: bytes = b""
    id: str = ""
    """Of the attempt that it was run for."""
    asked: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    garbled: bool = False
    """Whether what came back cannot be read."""

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ended - self.began
