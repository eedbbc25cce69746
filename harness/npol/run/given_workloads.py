"""The workloads of `given`: a run begins when they are ready."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from npol.errors import Refused
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.objects import Object
from npol.model.change import Manifest
from npol.model.inventory import pod_ref
from npol.run.cluster_changes import spell
from npol.run.not_ready import why_not_ready
from npol.run.options import silent

log = logging.getLogger(__name__)

READY_WITHIN = 180.0
"""Seconds in which what `given` creates must be ready; images may have to be pulled."""
POLL, SLOWEST_POLL = 0.1, 1.0
"""Seconds between two looks, at first and at last."""
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Pod")


@contextmanager
def ready_at_the_end(
    connection: Connection,
    given: Sequence[Manifest],
    *,
    created: bool,
    say: Callable[[str], None] = silent,
) -> Iterator[None]:
    """As `wait_until_ready`, beside what is done within; where that fails, no longer than it."""
    given_up = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(
            wait_until_ready, connection, given, created=created, say=say, given_up=given_up
        )
        try:
            yield
        except BaseException:
            given_up.set()
            raise
        waiting.result()


def wait_until_ready(
    connection: Connection,
    given: Sequence[Manifest],
    *,
    created: bool,
    say: Callable[[str], None] = silent,
    given_up: threading.Event | None = None,
) -> None:
    """
    Wait for the workloads of `given`, unless that is `given_up`.

    `created`: the run made them; what is not there then is waited for, too.

    Raises:
        Refused: they are not ready in time.
    """
    given_up = given_up or threading.Event()
    deadline = time.monotonic() + READY_WITHIN
    wanted = [m for m in given if m.kind in WORKLOADS]
    every, pause = len(wanted), POLL
    while wanted := _unready(connection, wanted, created):
        if time.monotonic() >= deadline:
            reasons = "; ".join(_with_reason(connection, m) for m in wanted)
            raise Refused(
                f"not ready after {READY_WITHIN:.0f} s: {reasons}", hint="kubectl describe them"
            )
        names = ", ".join(map(spell, wanted))
        say(f"waiting for workloads: {every - len(wanted)} of {every} ready")
        log.info("waiting for %s to be ready, %.0f s left", names, deadline - time.monotonic())
        if given_up.wait(pause):
            return
        pause = min(SLOWEST_POLL, 1.3 * pause)


def _with_reason(connection: Connection, workload: Manifest) -> str:
    why = why_not_ready(connection, workload)
    return f"{spell(workload)}: {why}" if why else spell(workload)


def _unready(connection: Connection, wanted: Sequence[Manifest], created: bool) -> list[Manifest]:
    refs = [connection.ref_of(manifest.body) for manifest in wanted]
    found = get_all(connection, refs)
    return [
        manifest
        for manifest, ref in zip(wanted, refs, strict=True)
        if not _is_ready(found[ref], manifest, created)
    ]


def _is_ready(found: Object | None, manifest: Manifest, created: bool) -> bool:
    if found is None:
        return not created  # then it is nobody's who would make it now
    if manifest.kind == "Pod":
        return pod_ref(found).ready or (found.get("status") or {}).get("phase") == "Succeeded"
    status = found.get("status") or {}
    current = status.get("observedGeneration", 0) >= found["metadata"].get("generation", 0)
    wanted = found["spec"].get("replicas", status.get("desiredNumberScheduled", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    return current and bool(ready >= wanted)
