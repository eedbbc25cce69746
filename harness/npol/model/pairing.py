"""Flows between namespaces that are selected by label: what is paired with what."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Pairing(enum.Enum):
    """Which of the target's namespaces are asked from one of the source's."""

    NONE = ""  # neither end is selected
    EACH = "each of"
    OTHERS = "the others of"  # each but the source's own
    SAME = "the same of"  # the source's own

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class FlowPair:
    """Two ends by their peers' names: `tenants/blue`, of a peer in one of many namespaces."""

    source: str
    target: str
    """"" of a look-up."""

    def __str__(self) -> str:
        """`blue -> coral`."""
        ends = (short_end(end) for end in (self.source, self.target) if end)
        return " -> ".join(ends)


def end_in(peer: str, namespace: str) -> str:
    """The name of a selecting peer in one namespace."""
    return f"{peer}/{namespace}"


def short_end(name: str) -> str:
    """Its namespace, where it is the name of a peer in one of many."""
    return name.partition("/")[2] or name


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowGroup:
    """A flow as it is written, whose pairs are asked."""

    name: str
    source: str
    """As it is written: `each of tenants`."""
    target: str
    peer: str
    """The selecting peer that is counted: the source's, else the target's."""
    namespaces: int
    """How many it selects."""
    total: int
    """Pairs that there are; more than are asked where a sample is."""
