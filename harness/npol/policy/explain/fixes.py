"""
The smallest change that would allow a flow, tried out before it is told.

In this order: a port more in a rule that fits but for its ports; another selector in a rule
whose own selects nothing; a new policy for just this flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from npol.errors import Position
from npol.model.fixes import AddPolicy, AllowPort, Fix, SelectOthers
from npol.model.peer_selection import lasting
from npol.model.placed_policy import PlacedPolicy
from npol.policy.evaluate.decision import Decision, DirectionDecision
from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.match import Path
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import NAME_LABEL, End, Pod, Service, Traffic
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, PortClause, Rule
from npol.policy.parse.parse_policies import parse_policy
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import selects_nothing
from npol.selectors import Labels, spell


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One change. `policy` is what it makes of an existing policy, or the new one."""

    what: Fix
    policy: Policy
    at: Position | None = None
    manifest: Mapping[str, Any] | None = None
    """A new policy, ready to be written down."""


def remedies(
    world: ClusterState, decision: Decision, dialect: Dialect = SPEC
) -> tuple[Remedy, ...]:
    """
    What would allow a closed flow: one change for each closed side; () if nothing here would.

    Each was tried on the world that the ones before it make. A policy that two of them
    change stands in the second with both changes.
    """
    chosen: list[Remedy] = []
    for _ in range(2 * len(decision.paths)):
        closed = _first_closed(decision)
        if closed is None:
            break
        remedy = _first_that_opens(world, decision.traffic, *closed, dialect)
        if remedy is None:
            return ()
        chosen.append(remedy)
        world = world.with_policies([remedy.policy])
        decision = decide(world, decision.traffic, dialect)
    return tuple(chosen)


def _first_closed(decision: Decision) -> tuple[int, DirectionDecision] | None:
    """The number of a path, and its side that is not open; egress comes first."""
    for number, path in enumerate(decision.paths):
        for side in path.sides:
            if side.allowed is not True:
                return number, side
    return None


def _first_that_opens(
    world: ClusterState, traffic: Traffic, number: int, side: DirectionDecision, dialect: Dialect
) -> Remedy | None:
    path = decide(world, traffic, dialect).paths[number]
    for remedy in _candidates(world, path.path, side):
        again = decide(world.with_policies([remedy.policy]), traffic, dialect).paths[number]
        if (again.egress if side.direction is Direction.EGRESS else again.ingress).allowed:
            return remedy
    return None


def _candidates(world: ClusterState, path: Path, side: DirectionDecision) -> Iterator[Remedy]:
    for fit in side.non_matching:
        if fit.peer_fit.holds and fit.port:
            yield _another_port(fit, path)
    for fit in side.non_matching:
        if fit.port_fit.holds and fit.peer and selects_nothing(world, fit.policy, fit.peer):
            yield _another_selector(fit, fit.peer, _other(path, side))
    yield _new_policy(world, path, side)


def _other(path: Path, side: DirectionDecision) -> End:
    return path.target if side.direction is Direction.EGRESS else path.client


def _another_port(fit: RuleFit, path: Path) -> Remedy:
    port = PortClause(origin=fit.rule.origin, protocol=path.protocol, port=path.port)
    rule = replace(fit.rule, ports=(*fit.rule.ports, port))
    origin = fit.port.origin if fit.port else fit.origin
    what = AllowPort(PlacedPolicy(str(fit.policy), str(origin)), str(port))
    return Remedy(what=what, policy=_with_rule(fit, rule), at=origin.at)


def _another_selector(fit: RuleFit, peer: PeerClause, other: End) -> Remedy:
    better = _peer_for(peer, other, fit.policy.namespace)
    peers = tuple(better if p is peer else p for p in fit.rule.peers)
    place, who = better.namespace_selector, better.pod_selector
    what = SelectOthers(
        PlacedPolicy(str(fit.policy), str(peer.origin)),
        namespaces=None if place is None else spell(place),
        pods=None if who is None else spell(who) if who else "",
    )
    policy = _with_rule(fit, replace(fit.rule, peers=peers))
    return Remedy(what=what, policy=policy, at=peer.origin.at)


def _with_rule(fit: RuleFit, rule: Rule) -> Policy:
    """The policy with one rule replaced."""
    rules = tuple(rule if r is fit.rule else r for r in fit.policy.rules(rule.direction))
    if rule.direction is Direction.EGRESS:
        return replace(fit.policy, egress=rules)
    return replace(fit.policy, ingress=rules)


def _peer_for(peer: PeerClause, end: End, policy_namespace: str) -> PeerClause:
    if not isinstance(end, Pod):
        return peer
    place = {"matchLabels": {NAME_LABEL: end.namespace}}
    near = end.namespace == policy_namespace
    return PeerClause(
        origin=peer.origin,
        namespace_selector=None if near else place,
        pod_selector=_selector(lasting(end.labels)) if near or peer.pod_selector else None,
    )


def _new_policy(world: ClusterState, path: Path, side: DirectionDecision) -> Remedy:
    manifest = _manifest(path, side)
    policy = parse_policy(manifest).policy
    what = AddPolicy(str(policy), str(side), f"{path.protocol.name} {path.port}")
    return Remedy(what=what, policy=policy, manifest=manifest)


def _manifest(path: Path, side: DirectionDecision) -> dict[str, Any]:
    """The least that allows this flow: these pods, this peer, this port."""
    assert isinstance(side.subject, Pod)  # only pods are isolated
    outgoing = side.direction is Direction.EGRESS
    other = _other(path, side)
    rule = {
        side.direction.peers_field: [_peer_entry(other, side.subject.namespace, path)],
        "ports": [{"protocol": path.protocol.name, "port": path.port}],
    }
    word = "to" if outgoing else "from"
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"allow-{word}-{_short(other)}",
            "namespace": side.subject.namespace,
        },
        "spec": {
            "podSelector": _selector(_labels_of(side.subject, path)),
            "policyTypes": [side.direction.value],
            side.direction.field: [rule],
        },
    }


def _peer_entry(end: End, policy_namespace: str, path: Path) -> dict[str, Any]:
    if not isinstance(end, Pod):
        address = end.address(path.family)
        whole = "0.0.0.0/0" if path.family == 4 else "::/0"
        cidr = f"{address}/{address.max_prefixlen}" if address else whole
        return {"ipBlock": {"cidr": cidr}}
    entry: dict[str, Any] = {"podSelector": _selector(_labels_of(end, path))}
    if end.namespace != policy_namespace:
        entry["namespaceSelector"] = {"matchLabels": {NAME_LABEL: end.namespace}}
    return entry


def _labels_of(pod: Pod, path: Path) -> Labels:
    """A Service's selector names its pods better than their own labels do."""
    if pod is path.target and isinstance(path.service, Service) and path.service.selector:
        return path.service.selector
    return lasting(pod.labels)


def _selector(labels: Labels) -> dict[str, Any]:
    return {"matchLabels": dict(labels)} if labels else {}


def _short(end: End) -> str:
    """A name for an end that is fit for an object's name."""
    name = end.name
    if isinstance(end, Pod):
        name = end.workload.partition("/")[2] or end.labels.get("app") or end.name
    plain = (c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "".join(plain).strip("-")[:40].strip("-") or "peer"
