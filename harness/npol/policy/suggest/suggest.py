"""A first story for policies that have none: the flows that they talk about, with predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.fixes import lasting
from npol.policy.explain.mismatch import selected_pods
from npol.policy.matrix.matrix import takes_part
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import End, ExternalEndpoint, Pod, Service, Traffic
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, PortClause, Rule
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.policy.state.service_backends import target_port
from npol.policy.suggest.peer_names import Cast


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedFlow:
    """One flow by the names of its peers; `before`: what it is without any policy."""

    source: str
    target: str
    port: int
    protocol: Protocol
    expect: str
    before: str
    because: str
    """The policy that talks about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Peers as a story file spells them, and flows. `left_out`: what could not be asked."""

    peers: dict[str, dict[str, Any]]
    flows: tuple[SuggestedFlow, ...]
    left_out: tuple[str, ...] = ()


def suggest(world: ClusterState, dialect: Dialect = SPEC) -> Suggestion:
    """
    For each rule: a peer that it allows and one that it does not, to a pod of its policy.

    For each isolated direction without a rule: one flow that it stops. Ports are those of the
    rules, else those that the target pods declare. Flows of unknown outcome are left out.
    """
    world = with_dns(world).as_read(dialect)
    cast = Cast(world)
    flows: dict[tuple[str, str, int, Protocol], SuggestedFlow] = {}
    left_out: list[str] = []
    for policy in world.policies:
        for traffic in _talked_about(world, policy):
            flow = _flow(world, cast, policy, traffic, dialect)
            if flow is None:
                left_out.append(f"{traffic}: not known ({policy})")
            else:
                key = (flow.source, flow.target, flow.port, flow.protocol)
                flows.setdefault(key, flow)
    return Suggestion(
        peers=cast.peers,
        flows=tuple(flows.values()),
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _talked_about(world: ClusterState, policy: Policy) -> Iterator[Traffic]:
    found = world.select(policy.namespace, policy.selector)
    chosen = [pod for pod in found if takes_part(pod)]
    for direction in Direction:
        if direction in policy.directions:
            for pod in _one_per_workload(chosen):
                yield from _of_direction(world, policy, direction, pod)


def _one_per_workload(pods: Sequence[Pod]) -> list[Pod]:
    return list({p.workload or str(sorted(lasting(p.labels).items())): p for p in pods}.values())


def _of_direction(
    world: ClusterState, policy: Policy, direction: Direction, pod: Pod
) -> Iterator[Traffic]:
    rules = policy.rules(direction)
    for rule in rules:
        for other in _allowed_ends(world, policy, rule):
            yield from _traffics(world, direction, pod, other, rule.ports)
        clauses = () if direction is Direction.EGRESS else rule.ports
        for other in _strangers(world, policy, rule, pod):
            yield from _traffics(world, direction, pod, other, clauses)
    if not rules:
        for other in _strangers(world, policy, None, pod):
            yield from _traffics(world, direction, pod, other, ())


def _allowed_ends(world: ClusterState, policy: Policy, rule: Rule) -> Iterator[End]:
    for peer in rule.peers:
        if peer.ip_block:
            yield from _places(peer)
        else:
            pods = list(selected_pods(world, policy.namespace, peer))
            yield from _one_per_workload(pods)[:3]
    if not rule.peers:
        yield ExternalEndpoint(name="internet")


def _places(peer: PeerClause) -> Iterator[ExternalEndpoint]:
    """The first address of a block, and of each of its exceptions."""
    assert peer.ip_block  # asked for blocks only
    for network in (peer.ip_block.cidr, *peer.ip_block.excepts):
        if network.prefixlen:
            address = network[0] if network.num_addresses == 1 else network[1]
            yield ExternalEndpoint(name=str(address), addresses=(address,))


def _strangers(world: ClusterState, policy: Policy, rule: Rule | None, pod: Pod) -> Iterator[End]:
    """One pod that the rule does not name, preferably of the same namespace."""
    named = {
        str(p)
        for peer in (rule.peers if rule else ())
        for p in selected_pods(world, policy.namespace, peer)
        if not peer.ip_block
    }
    others = (*world.pods_in(policy.namespace), *world.pods)
    for other in others:
        sibling = other == pod or (other.workload and other.workload == pod.workload)
        if takes_part(other) and not sibling and str(other) not in named:
            yield other
            return


def _traffics(
    world: ClusterState, direction: Direction, pod: Pod, other: End, clauses: Sequence[PortClause]
) -> Iterator[Traffic]:
    source, target = (pod, other) if direction is Direction.EGRESS else (other, pod)
    if source == target:
        return
    for number, protocol in _ports(target, clauses):
        service = in_front(world, target, number, protocol)
        yield Traffic(
            source=source,
            target=service[0] if service else target,
            port=service[1] if service else number,
            protocol=protocol,
        )


def _ports(target: End, clauses: Sequence[PortClause]) -> list[tuple[int, Protocol]]:
    """The clauses' ports, as far as the target declares them; without clauses its first one."""
    declared = target.ports if isinstance(target, Pod) else ()
    if not clauses:
        return [(p.number, p.protocol) for p in declared[:1]] or [(443, Protocol.TCP)]
    named = [(number, c.protocol) for c in clauses for number in _numbers(target, c)]
    there = {(p.number, p.protocol) for p in declared}
    return [one for one in named if not there or one in there]


def _numbers(target: End, clause: PortClause) -> tuple[int, ...]:
    """The ports that a clause names on a pod: every one that bears its name."""
    if isinstance(clause.port, str):
        return target.ports_named(clause.port, clause.protocol) if isinstance(target, Pod) else ()
    return (clause.port,) if clause.port else ()


def in_front(
    world: ClusterState, target: End, number: int, protocol: Protocol
) -> tuple[Service, int] | None:
    """The Service port that leads to a pod's port, if there is one."""
    if not isinstance(target, Pod):
        return None
    for service in world.services_of(target):
        for port in service.ports:
            if (
                port.protocol is protocol
                and target_port(service, port, target, port.port) == number
            ):
                return service, port.port
    return None


def _flow(
    world: ClusterState, cast: Cast, policy: Policy, traffic: Traffic, dialect: Dialect
) -> SuggestedFlow | None:
    now = decide(world, traffic, dialect).allowed
    before = decide(world.without_policies(map(str, world.policies)), traffic, dialect).allowed
    if now is None or before is None:
        return None
    return SuggestedFlow(
        source=cast.end(traffic.source),
        target=_target(world, cast, traffic),
        port=traffic.port,
        protocol=traffic.protocol,
        expect="allow" if now else "deny",
        before="allow" if before else "deny",
        because=str(policy),
    )


def _target(world: ClusterState, cast: Cast, traffic: Traffic) -> str:
    if not isinstance(traffic.target, Service):
        return cast.end(traffic.target)
    behind = world.select(traffic.target.namespace, {"matchLabels": traffic.target.selector or {}})
    return cast.pod(behind[0])


def story_data(
    suggestion: Suggestion, *, name: str, given: Sequence[str], policies: Sequence[str]
) -> dict[str, Any]:
    """
    The story as plain data, ready to be dumped: before, with the policies, rolled back.

    Without files of `policies` they are those of a cluster: one step asks what they do now.
    """
    return {
        "version": 1,
        "name": name,
        **({"given": list(given)} if given else {}),
        "peers": suggestion.peers,
        "steps": _steps(suggestion, list(policies)),
    }


def _steps(suggestion: Suggestion, policies: list[str]) -> list[dict[str, Any]]:
    now = _entries(suggestion, before=False)
    if not policies:
        return [{"name": "as applied", "flows": now}]
    return [
        {"name": "before policies", "flows": _entries(suggestion, before=True)},
        {"name": "policies", "apply": policies, "flows": now},
        {"name": "rollback", "delete": policies, "same_as": "before policies"},
    ]


def _entries(suggestion: Suggestion, *, before: bool) -> list[dict[str, Any]]:
    return [
        {
            "from": flow.source,
            "to": flow.target,
            "port": flow.port,
            **({} if flow.protocol is Protocol.TCP else {"protocol": flow.protocol.value}),
            "expect": flow.before if before else flow.expect,
        }
        for flow in suggestion.flows
    ]
