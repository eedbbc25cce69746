"""Workloads that a story is to scale, and that an autoscaler would scale back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from npol.changes.apply.workloads import autoscaler_of
from npol.cni.preflight_request import PreflightProblem
from npol.errors import NpolError
from npol.kube.connection import Connection
from npol.model.change import Scale
from npol.model.story import Story


def autoscaled(connection: Connection, story: Story) -> Iterator[PreflightProblem]:
    """Told before anything is changed; what may not be read is a missing right, told there."""
    scaled = (c.workload for c in story.changes if isinstance(c, Scale))
    for workload in dict.fromkeys(scaled):
        with suppress(NpolError):
            if name := autoscaler_of(connection, workload):
                yield PreflightProblem(
                    what=f"{workload} is scaled by HorizontalPodAutoscaler {name}, which would "
                    "set its replicas anew",
                    hint="scale another workload, or let the autoscaler rest meanwhile",
                )
