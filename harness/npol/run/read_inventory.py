"""What a run sees of a cluster: the objects of the story's namespaces, and who they are for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from npol.changes.dry_run.kubectl_commands import other_policies_of, policies_of
from npol.cni.preflight import PreflightProblem
from npol.errors import Refused
from npol.kube.api_errors import Unreachable
from npol.kube.connection import Connection
from npol.kube.inventory import read, read_selection
from npol.kube.objects import PODS
from npol.model.inventory import Inventory
from npol.model.story import Story
from npol.policy.state.from_inventory import cluster_state
from npol.run import blast_radius
from npol.run.namespaces import named_namespaces, workload_namespaces


def look(connection: Connection, story: Story, *, beside: Collection[str] = ()) -> Inventory:
    """
    The objects of the story's namespaces, now.

    Args:
        beside: namespaces of pods that may disturb workloads, which are looked at there, too.

    Raises:
        Refused: a right to read is missing, or the API server does not answer.
    """
    peers = story.peers.values()
    workloads = workload_namespaces(story)
    return read(
        connection,
        {*named_namespaces(story), "kube-system"},
        places={p.external for p in peers if p.external},
        workloads=workloads.union(beside) if workloads else (),
    )


def look_at_selection(connection: Connection, story: Story, also: Collection[str]) -> Inventory:
    """What policies of the story's namespaces, and of these, select by, and the policies, now."""
    return read_selection(connection, {*named_namespaces(story), *also, "kube-system"})


def foreseen(
    connection: Connection, story: Story, *, max_unlisted_pods: int
) -> list[PreflightProblem]:
    """What speaks against the blast radius of a story's policies (`blast_radius.against`)."""
    if not policies_of(story):
        return []
    try:
        inventory = look(connection, story)
        if any(not key.namespace for key in other_policies_of(story)):
            inventory = replace(inventory, pods=tuple(connection.list(PODS)))
        state = cluster_state(inventory)
        return blast_radius.against(story, state, max_unlisted_pods=max_unlisted_pods)
    except Unreachable:
        raise
    except Refused:
        return []  # the right that is missing is a finding of its own
