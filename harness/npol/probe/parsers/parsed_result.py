"""What one command's end says of the network."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.expectation import Outcome


class Again(enum.Enum):
    """A second look that would tell more."""

    WHY = "why"  # the same, from a tool that says why
    FAMILY = "family"  # the name's other address family
    SERVER = "server"  # the next name server
    WHOLE = "whole"  # the same server over TCP, which cuts nothing off
    CONNECT = "connect"  # whether the port answers at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer without its question."""

    outcome: Outcome
    detail: str = ""
    status: int = 0
    body: str = ""
    body_cut_off: bool = False
    addresses: tuple[str, ...] = ()
    again: Again | None = None
    """Without the second look, this reading stands."""


def error(detail: str) -> Reading:
    return Reading(outcome=Outcome.ERROR, detail=detail)
