"""Where a flow's packets go, as the cluster says at this moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

from npol.model.probe import PodRef, family_of, socket_address
from npol.model.reason import Reason, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One address that answers for a target: a pod's, or a place's."""

    ip: str
    port: int
    pod: PodRef | None = None

    def __str__(self) -> str:
        return socket_address(self.ip, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A flow's target, resolved.

    A Service has a `name` (fully qualified, with the trailing dot), `cluster_ips` (none when
    headless) and its ready endpoints as `backends`, one for each address. A place or an address
    has backends without a pod.
    """

    label: str
    port: int
    name: str = ""
    cluster_ips: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    problem: Reason | None = None
    """Why there is nothing to ask; None when there is."""
    absent: bool = False
    """Whether it is an external endpoint that this cluster lacks: its flows are skipped."""
    host: str = ""
    """The Host header that the target answers to."""
    resolved_at_source: bool = False
    """Whether its name stands for what the source's DNS says: the API tells no address of it."""

    @property
    def addresses(self) -> frozenset[str]:
        """What its name may resolve to; empty where it has none, or where the API does not tell."""
        if not self.name or self.resolved_at_source:
            return frozenset()
        return frozenset(self.cluster_ips or {b.ip for b in self.backends})

    @property
    def families(self) -> tuple[int, ...]:
        """4 and 6, as far as it has addresses of them."""
        backend_ips = (b.ip for b in self.backends)
        return tuple(sorted({family_of(ip) for ip in (*self.cluster_ips, *backend_ips)}))

    def seen_from(self, source: PodRef) -> Target:
        """The addresses of families that this source has an address of, too."""
        own = {family_of(ip) for ip in source.ips}
        if not own or own.issuperset(self.families):
            return self
        cluster_ips = tuple(ip for ip in self.cluster_ips if family_of(ip) in own)
        backends = tuple(b for b in self.backends if family_of(b.ip) in own)
        problem = self.problem
        if not cluster_ips and not backends:
            problem = Reason(
                code=ReasonCode.OTHER_FAMILY,
                subject=self.label,
                family=self.families[0],
                names=(str(source),),
            )
        return replace(self, cluster_ips=cluster_ips, backends=backends, problem=problem)

    @property
    def pods(self) -> tuple[PodRef, ...]:
        return tuple({b.pod.uid: b.pod for b in self.backends if b.pod}.values())
