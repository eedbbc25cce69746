"""The page of record of a cluster: what is applied there, read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.changes.state.snapshot import key_of
from npol.cni.catalogue import Engine
from npol.cni.detect import detect, gather
from npol.cni.other_policy_kinds import foreign_policies, unread_words, with_unread
from npol.document.applied_policies import compared
from npol.document.story_document import Meant
from npol.kube.connection import Connection
from npol.kube.inventory import read
from npol.kube.rbac import SYSTEM
from npol.model.inventory import is_debug_pod
from npol.policy.objects.netpol_types import Policy
from npol.policy.simulate.simulated_steps import SimulatedStep
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.policy.state.from_inventory import cluster_state
from npol.run.namespaces import named_namespaces


def as_applied(given: Meant, connection: Connection) -> Meant:
    """
    The same with the policies and pods of a cluster.

    Raises:
        Refused: it may not be read.
    """
    namespaces = named_namespaces(given.story)
    read_from = {*namespaces, SYSTEM}
    found = read(connection, read_from, workloads=read_from)
    facts = gather(connection)
    engine = detect(facts)
    others = foreign_policies(connection, namespaces, facts.groups)
    comparison = compared(
        [p for p in found.policies if p["metadata"]["namespace"] in namespaces],
        [m for m in given.manifests if key_of(m.body).is_network_policy],
    )
    pods = tuple(p for p in found.pods if not is_debug_pod(p))
    shown = replace(found, pods=pods, policies=())
    also = (*found.workloads, *comparison.policies, *others.policies)
    world = with_unread(with_dns(cluster_state(shown, also=also)), others.unread)
    unread = [unread_words(others.unread)] if others.unread else []
    return replace(
        given,
        at=SimulatedStep(step=given.at.step, world=world),
        engine=engine.name,
        context=connection.context,
        facts=(*_facts(connection, engine, facts.version), *unread),
        compared=replace(comparison, missing=(*comparison.missing, *_missing(given, world))),
    )


def _missing(given: Meant, world: ClusterState) -> Iterator[str]:
    """Policies of other kinds that are in files only: a cluster may serve them in another group."""
    there = {str(policy) for policy in world.every_policy}
    for policy in given.world.every_policy:
        at = policy.origin.at
        if at and not isinstance(policy, Policy) and str(policy) not in there:
            yield f"{policy} ({at.file}:{at.line})"


def _facts(connection: Connection, engine: Engine, version: str) -> Iterator[str]:
    flavour = f", {engine.flavour}" if engine.flavour else ""
    yield f"enforcement engine: {engine.title}, version {engine.version}{flavour}"
    yield f"cluster: context {connection.context}, Kubernetes {version}"
