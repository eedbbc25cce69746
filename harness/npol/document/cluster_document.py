"""The page of record of a cluster: what is applied there, read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.cni.catalogue import Engine
from npol.cni.detect import detect, gather
from npol.document.applied_policies import compared
from npol.document.story_document import Meant
from npol.kube.connection import Connection
from npol.kube.inventory import read
from npol.kube.rbac import SYSTEM
from npol.model.inventory import is_debug_pod
from npol.policy.simulate.simulated_steps import SimulatedStep
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
    comparison = compared(
        [p for p in found.policies if p["metadata"]["namespace"] in namespaces], given.manifests
    )
    pods = tuple(p for p in found.pods if not is_debug_pod(p))
    shown = replace(found, pods=pods, policies=())
    world = with_dns(cluster_state(shown, also=(*found.workloads, *comparison.policies)))
    return replace(
        given,
        at=SimulatedStep(step=given.at.step, world=world),
        engine=engine.name,
        context=connection.context,
        facts=tuple(_facts(connection, engine, facts.version)),
        compared=comparison,
    )


def _facts(connection: Connection, engine: Engine, version: str) -> Iterator[str]:
    flavour = f", {engine.flavour}" if engine.flavour else ""
    yield f"enforcement engine: {engine.title}, version {engine.version}{flavour}"
    yield f"cluster: context {connection.context}, Kubernetes {version}"
