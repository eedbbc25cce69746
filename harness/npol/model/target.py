"""Where a flow's packets go, as the cluster says at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.probe import PodRef
from npol.model.sentence import NOTHING, Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One address that answers for a target: a pod's, or a place's."""

    ip: str
    port: int
    pod: PodRef | None = None

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A flow's target, resolved.

    A Service has a `name` (fully qualified, with the trailing dot), a `cluster_ip` (empty
    when headless) and its ready endpoints as `backends`. A place or an address has one
    backend without a pod.
    """

    label: str
    port: int
    name: str = ""
    cluster_ip: str = ""
    backends: tuple[Backend, ...] = ()
    problem: Sentence = NOTHING
    """Why there is nothing to ask (`Service backend-dev/x does not exist`); "" when there is."""
    absent: bool = False
    """Whether it is an external endpoint that this cluster lacks: its flows are skipped."""
    host: str = ""
    """The Host header that the target answers to."""

    @property
    def addresses(self) -> frozenset[str]:
        """What its name may resolve to; empty where it has none."""
        if not self.name:
            return frozenset()
        return frozenset({self.cluster_ip} if self.cluster_ip else {b.ip for b in self.backends})

    @property
    def pods(self) -> tuple[PodRef, ...]:
        return tuple(b.pod for b in self.backends if b.pod)
