"""Whether a node's records can be had at all: by one that came back."""

from __future__ import annotations

from dataclasses import dataclass

from npol.errors import NpolError
from npol.flow_records.agents import agents_of
from npol.flow_records.hubble import parsed
from npol.kube.channels import ExecBroken
from npol.kube.connection import Connection
from npol.kube.exec import run_once
from npol.kube.sanitize import plain
from npol.model.flow_record import FlowRecord
from npol.model.probe import PodRef

LATEST = ["hubble", "observe", "-o", "jsonpb", "--last", "5"]
"""Of any type: a node that is up always has traffic of its own."""
WITHIN = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRecord:
    """What came of asking one agent for its latest records."""

    node: str
    agent: str
    """`namespace/name` of its pod."""
    problem: str = ""
    """Why none came; "" where one did."""


def control_records(connection: Connection) -> list[ControlRecord]:
    """Each agent's latest records, asked for once, by exec; none where there are no agents."""
    return [
        ControlRecord(node=node, agent=str(agent), problem=_problem(connection, agent))
        for node, agent in sorted(agents_of(connection).items())
    ]


def _problem(connection: Connection, agent: PodRef) -> str:
    try:
        result = run_once(connection, agent, LATEST, timeout=WITHIN)
    except NpolError as error:
        return error.reason if isinstance(error, ExecBroken) else error.message
    lines = [parsed(line) for line in result.stdout.splitlines() if line.strip()]
    if any(isinstance(line, FlowRecord) for line in lines):
        return ""
    words = plain(result.stderr, limit=200)
    return words or "Hubble has no record of any packet there"
