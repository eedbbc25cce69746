"""What could be asked in a suggested story: ports at which something is known to listen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.model.story import Protocol
from npol.policy.matrix.matrix import takes_part
from npol.policy.objects.entities import End, ExternalEndpoint, Pod, Service
from npol.policy.objects.netpol_types import PortClause
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import PORT, dns_service
from npol.policy.state.service_backends import backends_of, target_port

Spot = tuple[int, Protocol]
INTERNET = ExternalEndpoint(name="internet")
_ANSWERS = ((443, Protocol.TCP), (80, Protocol.TCP))
"""What a place outside is asked for."""
_FREE = (8123, 9876, 10123)
"""Ports of which one is free on every pod."""
_ENDS = ("job", "cronjob")


@dataclass(frozen=True, slots=True)
class Answerers:
    """The pods of a world as targets."""

    world: ClusterState

    def among(self, pods: Sequence[Pod]) -> list[Pod]:
        """Those that stay and can be asked: one of each workload, the DNS of the cluster too."""
        return [p for p in pods if takes_part(p) and not soon_over(p)]

    def spots(self, end: End) -> list[Spot]:
        """
        Where an end is known to answer: what its containers declare, and what Services lead to.

        Over UDP nobody but DNS answers a stranger's question for sure.
        """
        if not isinstance(end, Pod):
            return list(_ANSWERS)
        if self.is_dns(end):
            return [(PORT, Protocol.UDP), (PORT, Protocol.TCP)]
        found = [(p.number, p.protocol) for p in end.ports]
        for service in self.world.services_of(end):
            for port in service.ports:
                number = None if service.headless else target_port(service, port, end, port.port)
                found += [(number, port.protocol)] if number else []
        return list(dict.fromkeys(s for s in found if s[1] is Protocol.TCP))

    def is_dns(self, pod: Pod) -> bool:
        service = dns_service(self.world)
        return service is not None and pod in backends_of(self.world, service)

    def dns(self) -> list[Pod]:
        service = dns_service(self.world)
        return backends_of(self.world, service)[:1] if service else []

    def named(self, end: End, clauses: Sequence[PortClause]) -> list[Spot]:
        """The spots of an end that a rule's ports name; without any, its first one."""
        spots = self.spots(end)
        if not clauses:
            return spots[:1]
        return [s for s in spots if any(_names(end, clause, s) for clause in clauses)]

    def free(self, pod: Pod) -> Spot:
        """A port at which nothing is known to listen: its host refuses."""
        taken = {number for number, _ in self.spots(pod)} | {p.number for p in pod.ports}
        return next(n for n in _FREE if n not in taken), Protocol.TCP

    def ways(self, end: End, spot: Spot) -> Iterator[tuple[End | Service, int]]:
        """How a spot is asked: by a Service that has it, else at the pod itself."""
        if isinstance(end, Pod) and (front := in_front(self.world, end, *spot, headless=False)):
            yield front
        yield end, spot[0]


def soon_over(pod: Pod) -> bool:
    """Whether a pod runs to its end, so that there is none to be met."""
    return pod.workload.partition("/")[0] in _ENDS


def _names(end: End, clause: PortClause, spot: Spot) -> bool:
    number, protocol = spot
    if clause.protocol is not protocol:
        return False
    if isinstance(clause.port, str):
        return isinstance(end, Pod) and number in end.ports_named(clause.port, protocol)
    low = clause.port or 1
    return low <= number <= (clause.end_port or clause.port or 65535)


def in_front(
    world: ClusterState, target: End, number: int, protocol: Protocol, *, headless: bool = True
) -> tuple[Service, int] | None:
    """The Service port that leads to a pod's port, if there is one; headless ones come last."""
    if not isinstance(target, Pod):
        return None
    for service in sorted(world.services_of(target), key=lambda s: s.headless):
        for port in service.ports if headless or not service.headless else ():
            leads_to = target_port(service, port, target, port.port)
            if port.protocol is protocol and leads_to == number:
                return service, port.port
    return None
