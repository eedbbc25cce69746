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

    @property
    def beside_uid(self) -> str:
        return self.beside.source.uid if self.beside else ""

    def over(self, family: int, source: PodRef) -> bool:
        """Whether the source is asked for something over an IP family."""
        return any(source.family_towards(p.address) == family for p in self.probes)

    def beside_over(self, family: int) -> bool:
        """The same of the pod beside it."""
        own = self.beside.source if self.beside else None
        return bool(
            own and any(own.family_towards(p.address) == family for p in self.beside_probes)
        )

    def and_also(self, other: SourceControls) -> SourceControls:
        """Both: those of one family and those of the other."""
        return SourceControls(
            probes=(*self.probes, *other.probes),
            beside=self.beside or other.beside,
            beside_probes=(*self.beside_probes, *other.beside_probes),
            lacking="; ".join(dict.fromkeys(filter(None, (self.lacking, other.lacking)))),
        )


def beside_probes(
    own: PodRef,
    others: Collection[PodRef],
    *,
    timeout: float,
    family: int = 4,
    servers: Collection[str] = ("",),
) -> tuple[Probe, ...]:
    """
    What a pod of ours asks over an IP family, to show that the pods of its node can send.

    `servers`: whom it asks for a name; "" is its own name server.
    """
    subject = f"pod {own.name} beside it, which no policy selects"
    reached = [ip for pod in others if pod.uid != own.uid if (ip := pod.ip_over(family))][:1]
    return (
        *(lookup_control(Role.BESIDE, subject, timeout=timeout, server=s) for s in servers),
        *(reach_control(Role.BESIDE, ip, subject, timeout=timeout) for ip in reached),
    )
