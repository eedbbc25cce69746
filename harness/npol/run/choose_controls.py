"""
Chooses what shows that the sources of a step can send.

A source that the policies let something through from is asked for that: its look-ups, flows of
other steps, or the way to a pod of ours that no policy selects. Where they let it send nothing,
that pod, which runs beside it, has to be heard instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from npol.judge.probes import (
    DNS_PORT,
    DNS_PROBE,
    SELF_PORT,
    lookup_control,
    probes_of,
    reach_control,
)
from npol.judge.targets import resolve
from npol.model.expectation import Expectation, Word
from npol.model.prediction import PredictedDecision
from npol.model.probe import PodRef, Probe, Role, family_of
from npol.model.story import Flow, FlowKind, Peer, Protocol
from npol.run.environment import RunEnvironment
from npol.run.predictor import Predictor
from npol.run.prepared_flow import PreparedFlow
from npol.run.source_controls import SourceControls, beside_probes
from npol.run.step_ends import StepEnds

MOST_BORROWED = 2
"""Probes of other steps' flows that one source is asked for."""
FLOWS_A_SECOND = 1000
"""Flows of one round that give a control one second more."""
OURS = "a pod of npol"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChoice:
    """What controls are chosen from, for the ends of one step at one moment."""

    environment: RunEnvironment
    ends: StepEnds
    predictor: Predictor

    def controls(self, let_through: Collection[str]) -> dict[str, SourceControls]:
        """
        By its uid: the controls of each source that is expected to be denied something over an IP
        family over which no flow of the step, by its name in `let_through`, will show it to send.
        """
        shown = {
            (one.source.source.uid, family)
            for one in map(self.ends.asked.__getitem__, let_through)
            if not self._is_closed(one)
            for family in one.families
        }
        found: dict[str, SourceControls] = {}
        for (uid, family), one in self.denied().items():
            if (uid, family) not in shown:
                found[uid] = found.get(uid, SourceControls()).and_also(self._of(one, family))
        return found

    def denied(self) -> dict[tuple[str, int], PreparedFlow]:
        """
        By the uid of its source and the IP family: a flow of each that is expected to be denied
        something.

        Policies act where a packet leaves a pod: a place outside is heard or not.
        """
        peers = self.environment.story.peers
        return {
            (one.source.source.uid, family): one
            for one in self.ends.asked.values()
            if self._is_closed(one) and not peers[one.flow.source].external
            for family in one.families
        }

    def _is_closed(self, one: PreparedFlow) -> bool:
        return one.flow.expect.for_engine(self.environment.engine.name).closed

    def let_through(self, one: PreparedFlow, family: int) -> tuple[Probe, ...]:
        """What the policies let through from a flow's source that its step does not ask."""
        borrowed = (p for p in self._borrowed(one) if family_of(p.address) == family)
        return (*self._lookup(one, family), *islice(borrowed, MOST_BORROWED))

    def _of(self, one: PreparedFlow, family: int) -> SourceControls:
        if probes := self.let_through(one, family):
            return SourceControls(probes=probes)
        node = one.source.source.node
        beside = self.environment.sources.beside(node)
        if beside is None:
            why = self.environment.sources.why_nothing_beside(node)
            return SourceControls(lacking=f"no pod of npol runs beside it: {why}")
        timeout, ip = self._patience(one), beside.source.ip_over(family)
        if ip and self._reaches(one, ip):
            subject = f"pod {beside.source.name}, which no policy selects"
            probe = reach_control(Role.SENDS, ip, subject, timeout=timeout)
            return SourceControls(probes=(probe,))
        probes = beside_probes(
            beside.source,
            self.environment.sources.pods_beside,
            timeout=timeout,
            family=family,
            servers=self._servers(beside.source, family),
        )
        lacking = (
            "" if probes else f"nothing is known that hears the pod beside it over IPv{family}"
        )
        return SourceControls(beside=beside, beside_probes=probes, lacking=lacking)

    def _servers(self, pod: PodRef, family: int) -> tuple[str, ...]:
        """Whom a pod asks for names over an IP family; "" is the server of its own."""
        if family == pod.family_towards(""):
            return ("",)
        server = self.predictor.dns_server(family)
        return (server,) if server else ()

    def _patience(self, one: PreparedFlow) -> float:
        """
        Seconds that a control is waited for. A late answer shows as much as a quick one, and who
        gives it may have to share the CPU with thousands of probes.
        """
        return one.timeout + len(self.ends.asked) // FLOWS_A_SECOND

    def _lookup(self, one: PreparedFlow, family: int) -> Iterator[Probe]:
        timeout, subject = self._patience(one), f"name {DNS_PROBE}"
        for server in self._servers(one.source.source, family):
            if server and self._reaches(one, server, DNS_PORT, Protocol.UDP):
                told = f"{subject} from {server}"
                yield lookup_control(Role.SENDS, told, timeout=timeout, server=server)
            elif server or not self.predictor.sees_dns or not self._uses_dns(one):
                continue
            elif self._passes(one, replace(_plain(one.flow), resolve=DNS_PROBE)):
                yield lookup_control(Role.SENDS, subject, timeout=timeout)

    def _uses_dns(self, one: PreparedFlow) -> bool:
        """Whether the source's look-ups go to the cluster's DNS, and not to its node's."""
        pod = self.ends.state.pod_with_uid(one.source.source.uid)
        return pod is None or not pod.own_dns

    def _borrowed(self, one: PreparedFlow) -> Iterator[Probe]:
        story, source = self.environment.story, one.flow.source
        own = one.source.source.ips
        asked = {a.flow.key for a in self.ends.asked.values() if a.flow.source == source}
        flows = {
            f.key: f for s in story.steps for f in s.flows if f.source == source and not f.hold
        }
        for flow in (f for key, f in flows.items() if key not in asked):
            if flow.kind is FlowKind.DNS or not self._passes(one, flow):
                continue
            target = resolve(flow, story.peers[flow.target], self.ends.state)
            for probe in probes_of(flow, target, timeout=self._patience(one)):
                if probe.role in (Role.POD, Role.HOST) and probe.address not in own:
                    yield replace(probe, role=Role.SENDS)

    def _reaches(
        self, one: PreparedFlow, ip: str, port: int = SELF_PORT, protocol: Protocol = Protocol.TCP
    ) -> bool:
        if not self.predictor.knows(ip):
            return False
        peer = Peer(name=OURS, at=one.flow.at, address=ip)
        flow = replace(_plain(one.flow), target=OURS, port=port, protocol=protocol)
        return self._passes(one, flow, peer)

    def _passes(self, one: PreparedFlow, flow: Flow, *peers: Peer) -> bool:
        pod = one.source.source.name if one.source_pods > 1 else ""
        return self.predictor.predict(flow, pod, peers).decision is PredictedDecision.ALLOW


def _plain(flow: Flow) -> Flow:
    """A flow of the same source that asks for nothing yet."""
    return Flow(name=OURS, at=flow.at, source=flow.source, expect=Expectation(Word.ALLOW))
