"""
What is going on in a cluster, from its objects alone: nothing is written, no packet is sent.

`reader` looks, the other modules judge what it saw, one topic each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.cni.catalogue import Engine
from npol.diagnose import admission, components, endpoints, gitops, policies
from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects, look
from npol.kube.connection import Connection

__all__ = ["DoctorFinding", "FindingState", "examine"]

_TOPICS = (
    components.findings,
    policies.findings,
    endpoints.services,
    endpoints.dns,
    policies.labels,
    admission.findings,
    gitops.findings,
)


def examine(
    connection: Connection,
    engine: Engine,
    namespaces: Sequence[str],
    given: Iterable[str] = (),
) -> Iterator[DoctorFinding]:
    """
    Every topic in turn; all namespaces that are not the system's unless some are named.

    What may not be read is a finding of its own, and makes no other one. `given`: namespaces
    that stories make themselves.
    """
    seen = replace(look(connection, engine, namespaces), given=frozenset(given))
    for topic in _TOPICS:
        yield from topic(seen)
    yield from unread(seen)


def unread(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    for what in seen.unread:
        yield DoctorFinding("RBAC", FindingState.UNVERIFIED, f"may not list {what}")
