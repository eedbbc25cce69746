"""One thing that an examination found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FindingState(enum.Enum):
    """Whether it is as it should be."""

    OK = "ok"
    PROBLEM = "PROBLEM"
    UNVERIFIED = "not verifiable"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """A topic, its state, one sentence of fact, and what to try."""

    topic: str
    state: FindingState
    what: str
    hint: str = ""
