"""What a run sees of a cluster: the objects of the story's namespaces, and who they are for."""

from __future__ import annotations

from harness.cluster.api_errors import Unreachable
from harness.cluster.connection import Connection
from harness.cluster.custody.commands import policies_of
from harness.cluster.inventory import read
from harness.cluster.preflight import Finding
from harness.errors import Refused
from harness.model.inventory import Inventory
from harness.model.story import Story
from harness.run import reach
from harness.run.scope import looks_at_workloads, named_namespaces


def look(connection: Connection, story: Story) -> Inventory:
    """
    The objects of the story's namespaces, now.

    Raises:
        Refused: a right to read is missing, or the API server does not answer.
    """
    peers = story.peers.values()
    return read(
        connection,
        {*named_namespaces(story), "kube-system"},
        places={p.external for p in peers if p.external},
        workloads=looks_at_workloads(story),
    )


def foreseen(connection: Connection, story: Story, *, most: int) -> list[Finding]:
    """Whom the story's policies would reach that they should not (`reach.against`)."""
    if not policies_of(story):
        return []
    try:
        return reach.against(story, look(connection, story), most=most)
    except Unreachable:
        raise
    except Refused:
        return []  # the right that is missing is a finding of its own
