"""
The Leases behind the locks: how they are spelled, who holds one, whether its holder lives.

A holder is alive when it renews while we watch. The clocks of two machines are never
compared; times in a Lease are for people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from npol.changes.journal_types import CLUSTER
from npol.changes.lock.holder import Identity
from npol.changes.state.compare import RUN
from npol.errors import LockHeld
from npol.kube.connection import Connection
from npol.kube.guard import CLUSTER_LEASE, STATE_NAMESPACE
from npol.kube.objects import LEASES, Object, Ref

log = logging.getLogger(__name__)

NAME = "npol"
DURATION = 20.0
"""Seconds without a renewal after which a holder counts as dead."""
RENEWALS = 4
"""Renewals per duration."""
HOLDER = "npol.dev/holder"
"""The annotation that tells a run's own processes apart: itself, its watchdog, a recovery."""


CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has two monotonic clocks, of which one stands still while the machine sleeps; macOS one."""


def steady() -> float:
    """Seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(CLOCK)


def ref(namespace: str) -> Ref:
    """The Lease of a namespace, or of the policies of the whole cluster."""
    if namespace == CLUSTER:
        return Ref(LEASES, STATE_NAMESPACE, CLUSTER_LEASE)
    return Ref(LEASES, namespace, NAME)


def spell_place(namespace: str) -> str:
    """`namespace shop`."""
    return "the policies of the whole cluster" if namespace == CLUSTER else f"namespace {namespace}"


def holder_of(lease: Mapping[str, Any]) -> str:
    """The run that holds a Lease."""
    return str((lease.get("spec") or {}).get("holderIdentity", ""))


def new_lease(
    namespace: str, *, run_id: str, nonce: str, duration: float, identity: Identity
) -> Object:
    """A Lease that says who holds the namespace."""
    where = ref(namespace)
    now = stamp()
    annotations = {
        RUN: run_id,
        HOLDER: nonce,
        "npol.dev/host": identity.host,
        "npol.dev/pid": str(identity.pid),
        "npol.dev/user": identity.user,
    }
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {
            "name": where.name,
            "namespace": where.namespace,
            "labels": {"app.kubernetes.io/managed-by": "npol"},
            "annotations": annotations,
        },
        "spec": {
            "holderIdentity": run_id,
            "leaseDurationSeconds": max(1, round(duration)),
            "acquireTime": now,
            "renewTime": now,
        },
    }


def describe(lease: Mapping[str, Any]) -> str:
    """`held by run r1 of ann on build-7 (pid 12), taken 3 min ago by its clock`."""
    annotations = lease["metadata"].get("annotations") or {}
    where = annotations.get("npol.dev/host", "an unknown host")
    who = annotations.get("npol.dev/user", "somebody")
    pid = annotations.get("npol.dev/pid", "?")
    since = _age(str((lease.get("spec") or {}).get("acquireTime", "")))
    return f"held by run {holder_of(lease) or '(none)'} of {who} on {where} (pid {pid}){since}"


def held_words(place: str, lease: Mapping[str, Any]) -> str:
    """`namespace shop is held by run r1 of ann ...`."""
    return f"{spell_place(place)} {'are' if place == CLUSTER else 'is'} {describe(lease)}"


def held_by(connection: Connection, namespace: str) -> LockHeld:
    lease = connection.get(ref(namespace))
    if lease is None:  # it went while we looked
        return LockHeld(f"{spell_place(namespace)}: another run held it", hint="try again")
    return LockHeld(
        held_words(namespace, lease),
        hint=f"wait for it (--wait SECONDS), or if it is dead: --recover-stale, or "
        f"npol recover {holder_of(lease)} {connection.options}",
    )


def watch_renewals(
    connection: Connection,
    leases: Mapping[str, Mapping[str, Any]],
    *,
    clock: Callable[[], float] = steady,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """
    Whether any of these Leases (by namespace) is renewed while we watch.

    Returns as soon as one is; else after the longest of their durations and a margin.
    """
    durations = [
        float((le.get("spec") or {}).get("leaseDurationSeconds") or 0) for le in leases.values()
    ]
    until = clock() + max(durations, default=0.0) * (1 + 1 / RENEWALS)
    while leases and clock() < until:
        sleep(1.0)
        log.debug("watching for renewals: %s, %.0f s left", ", ".join(leases), until - clock())
        for namespace, lease in leases.items():
            found = connection.get(ref(namespace))
            versions = [le and le["metadata"]["resourceVersion"] for le in (found, lease)]
            if found is not None and versions[0] != versions[1]:
                log.info("the Lease in namespace %s was renewed: its holder lives", namespace)
                return True
    return False


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _age(acquired: str) -> str:
    """How long ago by the holder's clock, for people only."""
    try:
        then = datetime.fromisoformat(acquired)
    except ValueError:
        return ""
    minutes = max(0, round((datetime.now(UTC) - then).total_seconds() / 60))
    return f", taken about {minutes} min ago by its clock"
