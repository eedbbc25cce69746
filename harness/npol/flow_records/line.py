"""What one line of a stream of records may hold."""

from __future__ import annotations

from dataclasses import dataclass

from npol.flow_records.whisker import WhiskerFlow
from npol.model.flow_record import FlowRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRecords:
    """The data plane says that it could not tell everything."""

    source: str
    """Where they were lost: `HUBBLE_RING_BUFFER`, ..."""
    count: int
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A relay says that nodes came, went or failed; what they told meanwhile is missing."""

    state: str
    """`NODE_CONNECTED`, `NODE_UNAVAILABLE`, `NODE_GONE`, `NODE_ERROR`."""
    nodes: tuple[str, ...] = ()

    @property
    def connected(self) -> bool:
        return self.state == "NODE_CONNECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent:
    """A well-formed line about something else, such as the agent's own affairs."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableLine:
    """A line that is no record; `problem` quotes nothing of it."""

    problem: str


RecordLine = FlowRecord | WhiskerFlow | LostRecords | NodeStatus | OtherEvent | UnreadableLine
