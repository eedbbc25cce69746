"""Who could meet whom under a rule, or against it, before anything is decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.policy.objects.entities import End, ExternalEndpoint, Pod, Traffic
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import selected_pods
from npol.policy.suggest.who_answers import INTERNET, Answerers, Spot
from npol.policy.suggest.who_asks import MOST, Askers, one_per_workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One end asks another at a port of its own. `traffics`: the ways to ask, the best first."""

    source: Pod
    end: End
    traffics: tuple[Traffic, ...]
    answers: bool = True
    """Whether something is known to listen there."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """All that may be asked in one world."""

    world: ClusterState
    askers: Askers
    answerers: Answerers

    def subjects(self, policy: Policy, direction: Direction) -> list[Pod]:
        """One pod of each workload that a policy isolates: as a target, or as one that asks."""
        found = list(self.world.select(policy.namespace, policy.selector))
        if direction is Direction.EGRESS:
            return self.askers.like(found)
        answering = one_per_workload(self.answerers.among(found))
        return [pod for pod in answering if self.answerers.spots(pod)]

    def no_subject(self, policy: Policy, direction: Direction) -> str:
        found = self.world.select(policy.namespace, policy.selector)
        if not found:
            return "it selects no pod"
        if direction is Direction.EGRESS:
            return f"nothing can ask in the likeness of {found[0]}"
        return f"nothing is known to listen on {found[0]} and its like"

    def of_rule(self, policy: Policy, rule: Rule, reasons: list[str]) -> Iterator[Meeting]:
        """`reasons` gets why a part of the rule is left out."""
        if rule.direction is Direction.INGRESS:
            yield from self._into(policy, rule, reasons)
        else:
            yield from self._out_of(policy, rule, reasons)

    def _into(self, policy: Policy, rule: Rule, reasons: list[str]) -> Iterator[Meeting]:
        beside, elsewhere = self.strangers(policy)
        sources = [] if rule.peers else [*beside, *elsewhere]
        for peer in rule.peers:
            found, why = self.askers.of_peer(policy, peer)
            sources += found
            reasons += [why] if why else []
        for pod in self.subjects(policy, Direction.INGRESS):
            spots = self.answerers.named(pod, rule.ports)
            if not spots:
                reasons.append(_unheard(pod, rule))
            for source in sources:
                yield from self._at([source], pod, spots)

    def _out_of(self, policy: Policy, rule: Rule, reasons: list[str]) -> Iterator[Meeting]:
        ends = [] if rule.peers else self._anybody(rule)
        for peer in rule.peers:
            found = self._ends_of(policy, peer, rule)
            ends += found
            reasons += [] if found else [self._nobody(policy, peer, rule)]
        for source in self.subjects(policy, Direction.EGRESS):
            for end in ends:
                yield from self._at([source], end, self.answerers.named(end, rule.ports))

    def _anybody(self, rule: Rule) -> list[End]:
        """For a rule to everywhere: DNS, some workloads and the internet, at the rule's ports."""
        dns = self.answerers.dns()
        pods = [p for p in one_per_workload(self.answerers.among(self.world.pods)) if p not in dns]
        heard = [p for p in pods if self.answerers.named(p, rule.ports)][:MOST]
        ends: list[End] = [*dns, *heard, INTERNET]
        return [e for e in ends if self.answerers.named(e, rule.ports)]

    def _ends_of(self, policy: Policy, peer: PeerClause, rule: Rule) -> list[End]:
        if peer.ip_block:
            is_everywhere = peer.ip_block.cidr.prefixlen == 0 and not peer.ip_block.excepts
            ends: list[End] = [INTERNET] if is_everywhere else []
        else:
            pods = self.answerers.among(list(selected_pods(self.world, policy.namespace, peer)))
            dns = [p for p in self.answerers.dns() if p in pods]
            ends = [*dns, *(p for p in one_per_workload(pods) if p not in dns)]
        return [e for e in ends if self.answerers.named(e, rule.ports)][: MOST + 1]

    def _nobody(self, policy: Policy, peer: PeerClause, rule: Rule) -> str:
        if peer.ip_block:
            return f"no address in {peer.ip_block} is known to answer"
        pods = list(selected_pods(self.world, policy.namespace, peer))
        return _unheard(pods[0], rule) if pods else "its peers select no pod here"

    def stopped(
        self, policy: Policy, direction: Direction, pod: Pod, allowed: Iterable[Meeting]
    ) -> Iterator[list[Meeting]]:
        """What may be stopped, by sorts; of each sort the likeliest first."""
        rules = policy.rules(direction)
        if direction is Direction.INGRESS:
            clauses = [c for r in rules for c in r.ports]
            spots = (self.answerers.named(pod, clauses) or self.answerers.spots(pod))[:1]
            beside, elsewhere = self.strangers(policy)
            others = self.askers.like(self.world.pods_in(policy.namespace))
            yield self._at(sorted([*beside, *others], key=self._is_mute)[:1], pod, spots)
            yield self._at(elsewhere, pod, spots)
            yield self._at(others[:MOST], pod, spots)
        else:
            inside = [
                e for e in self.answerers.among(self.world.pods) if e.namespace == pod.namespace
            ]
            ends = one_per_workload(inside)
            yield [m for e in ends for m in self._at([pod], e, self.answerers.spots(e))]
            dns = self.answerers.dns()
            yield [m for e in dns for m in self._at([pod], e, self.answerers.spots(e)[:1])]
            yield self._at([pod], INTERNET, self.answerers.spots(INTERNET))
        if any(r.ports for r in rules):
            yield [
                self._meeting(m.source, m.end, spot)
                for m in allowed
                if pod in (m.source, m.end)
                for spot in self.answerers.spots(m.end)
            ]

    def strangers(self, policy: Policy) -> tuple[list[Pod], list[Pod]]:
        """Beside the policy's pods, and in another namespace."""
        return self.askers.beside(policy.namespace), self.askers.elsewhere(policy.namespace)

    def _is_mute(self, source: Pod) -> bool:
        """Whether some policy isolates what it sends, which would stop it, too."""
        return bool(self.world.isolating(source, Direction.EGRESS))

    def _at(self, sources: Iterable[Pod], end: End, spots: Iterable[Spot]) -> list[Meeting]:
        """Pods of one workload are left out: one of them would have to ask itself."""
        spots = list(spots)
        apart = [s for s in sources if not _is_own(s, end)]
        return [self._meeting(s, end, spot) for s in apart for spot in spots]

    def at_free_port(self, pod: Pod, allowed: Iterable[Meeting]) -> Iterator[Meeting]:
        """A port that no rule names, for a pod that everybody may ask otherwise."""
        for met in allowed:
            if met.end == pod:
                yield self._meeting(met.source, pod, self.answerers.free(pod), answers=False)

    def _meeting(self, source: Pod, end: End, spot: Spot, *, answers: bool = True) -> Meeting:
        ways = self.answerers.ways(end, spot) if answers else [(end, spot[0])]
        traffics = tuple(
            Traffic(source=source, target=target, port=port, protocol=spot[1])
            for target, port in ways
        )
        return Meeting(source=source, end=end, traffics=traffics, answers=answers)


def _is_own(source: Pod, end: End) -> bool:
    own = (source.namespace, source.workload or source.name)
    return isinstance(end, Pod) and own == (end.namespace, end.workload or end.name)


def _unheard(pod: Pod | ExternalEndpoint, rule: Rule) -> str:
    ports = ", ".join(map(str, rule.ports)) or "any port"
    return f"nothing is known to answer on {pod} at {ports}"
