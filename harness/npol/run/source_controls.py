"""What shows that a source can send, where no flow of its step does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from npol.judge.probes import lookup_control, reach_control
from npol.model.probe import PodRef, Probe, Role
from npol.run.probe_batches import ProbeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceControls:
    """
    `probes` where the policies let something through from the source, else the pod `beside` it.
    """

    probes: tuple[Probe, ...] = ()
    """Asked of the source in every round: something of it must arrive."""
    beside: ProbeSource | None = None
    """A pod on its node that no policy selects."""
    beside_probes: tuple[Probe, ...] = ()
    lacking: str = ""
    """Why there is neither."""


def beside_probes(own: PodRef, others: Collection[PodRef], *, timeout: float) -> tuple[Probe, ...]:
    """What a pod of ours asks, to show that the pods of its node can send."""
    subject = f"pod {own.name} beside it, which no policy selects"
    reached = [pod for pod in others if pod.uid != own.uid][:1]
    return (
        lookup_control(Role.BESIDE, subject, timeout=timeout),
        *(reach_control(Role.BESIDE, pod, subject, timeout=timeout) for pod in reached),
    )
