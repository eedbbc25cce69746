"""What a state check claims, as a value: `report.checks` makes words of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ClaimCode(enum.Enum):
    """What is to be so."""

    READY = "ready"
    ALL_READY = "all ready"
    COMPLETE = "complete"
    LABELS = "labels"
    AS_IN_REPOSITORY = "as in repository"
    THERE = "there"
    NOT_THERE = "not there"
    VALUE = "value"
    MATCHES = "matches"
    HIDDEN_VALUE = "hidden value"
    HIDDEN_EXPRESSION = "hidden expression"
    AGREE = "agree"
    ADMITTED = "admitted"
    IN_LOGS = "in logs"
    LISTENS = "listens"
    UP = "up"


@dataclass(frozen=True, slots=True)
class CheckClaim:
    """A code, and what it is about; the codes that have a field leave the others empty."""

    code: ClaimCode
    text: str = ""
    """Labels, an image, a value, a port, an address with its port, a job."""
    count: int | None = None
    """None: some."""
