"""
One flow, decided as `networking.k8s.io/v1` specifies it, with every reason kept.

A connection needs the egress of its source AND the ingress of its target; replies need nothing.
Policies only add: an end that no policy isolates is open, one that is isolated opens where any
rule of any of its policies fits. Each corner case and its source: docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from npol.model.causes import NotActing, NotActingCode
from npol.model.doubt import Doubt, DoubtCode
from npol.model.prediction import UnknownReason
from npol.model.reason import Reason
from npol.policy.evaluate.cilium_layer import denied_to_own_node, host_doubt, with_cilium
from npol.policy.evaluate.decision import Decision, DirectionDecision, PathDecision
from npol.policy.evaluate.layers import in_calico_tiers, in_tiers
from npol.policy.evaluate.match import YES, Fit, Path, both, distance, either, fit_peer, fit_port
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.evaluate.service_routing import ANOTHER_NODE, routes
from npol.policy.objects.dialects import ENGINES, SPEC, Dialect
from npol.policy.objects.entities import OWN_NODE, End, Node, Pod, Traffic
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy, PortClause, Rule
from npol.policy.parse.unsupported import OtherPolicy
from npol.policy.state.cluster_state import ClusterState


def evaluate(world: ClusterState, traffic: Traffic, dialect: Dialect = SPEC) -> Decision:
    """Decide a flow, and say whether engines differ on it."""
    decision = decide(world, traffic, dialect)
    asked = [e for e in ENGINES if world.as_read(e).others == world.others]
    by_engine = {e.name: decide(world, traffic, e).allowed for e in asked}
    return replace(decision, by_engine=by_engine)


def decide(world: ClusterState, traffic: Traffic, dialect: Dialect = SPEC) -> Decision:
    """Decide a flow under one dialect only."""
    world = world.as_read(dialect)
    found = routes(world, traffic, dialect)
    paths = tuple(_decide_path(world, path, dialect) for path in found.paths)
    paths = paths or _silent(world, found.unanswered, dialect)
    filtered = [p for p in found.paths if not p.to_itself or p.service]
    ends = {id(e): e for p in filtered for e in (p.source, p.target)}.values()
    others = {str(o): o for e in ends if isinstance(e, Pod) for o in world.others_for(e)}
    allowed, unknown, why = _together(paths, found.problem, tuple(others.values()))
    return Decision(
        traffic=traffic,
        dialect=dialect.name,
        allowed=allowed,
        paths=paths,
        unknown=unknown,
        why_unknown=why,
        others=tuple(others.values()),
    )


def _silent(
    world: ClusterState, unanswered: Path | None, dialect: Dialect
) -> tuple[PathDecision, ...]:
    """The way to a Service that nobody answers at, where policies keep it from being refused."""
    if unanswered is None or not dialect.judges_unanswered_services:
        return ()
    decided = _decide_path(world, unanswered, dialect)
    return (decided,) if decided.allowed is False else ()


def _together(
    paths: tuple[PathDecision, ...], problem: Reason | None, others: tuple[OtherPolicy, ...]
) -> tuple[bool | None, UnknownReason | None, Reason | Doubt | None]:
    """One answer for all paths of a flow, or None and why."""
    if others:
        names = tuple(map(str, others))
        return None, UnknownReason.OTHER_POLICY_KINDS, Doubt(DoubtCode.OTHER_POLICIES, names=names)
    if not paths:
        return None, UnknownReason.NO_PATH, problem
    answers = {p.allowed for p in paths}
    if len(answers) == 1 and None not in answers:
        return answers.pop(), None, None
    doubts = (s.doubt for p in paths for s in p.sides if p.allowed is None)
    if doubt := next(filter(None, doubts), None):
        return None, UnknownReason.UNDEFINED_BY_SPEC, doubt
    is_open = tuple(_spell_path(p.path) for p in paths if p.allowed)
    is_closed = tuple(_spell_path(p.path) for p in paths if not p.allowed)
    differ = Doubt(DoubtCode.PATHS_DIFFER, names=is_open, others=is_closed)
    return None, UnknownReason.PATHS_DIFFER, differ


def _spell_path(path: Path) -> str:
    return f"{path.source} -> {path.target}:{path.port}"


def _decide_path(world: ClusterState, path: Path, dialect: Dialect) -> PathDecision:
    return PathDecision(
        path=path,
        egress=_decide_side(world, Direction.EGRESS, path, dialect),
        ingress=_decide_side(world, Direction.INGRESS, path, dialect),
    )


def _decide_side(
    world: ClusterState, direction: Direction, path: Path, dialect: Dialect
) -> DirectionDecision:
    outgoing = direction is Direction.EGRESS
    subject, other = (path.source, path.target) if outgoing else (path.target, path.client)
    if world.cilium_policies and (doubt := host_doubt(world, subject, direction)):
        return DirectionDecision(direction=direction, subject=subject, allowed=None, doubt=doubt)
    found = _exemption(direction, subject, other, path, dialect)
    from_own_node = found == NotActing(NotActingCode.OWN_NODE) and world.cilium_policies
    if from_own_node and (denied := denied_to_own_node(world, subject, path, dialect)):
        return denied
    if isinstance(found, NotActing) or not isinstance(subject, Pod):
        exempt = found if isinstance(found, NotActing) else None
        return DirectionDecision(
            direction=direction, subject=subject, allowed=True, not_applicable=exempt
        )
    by_policies = _decide_by_policies(world, direction, subject, other, path, dialect, found)
    if world.cilium_policies:
        by_policies = with_cilium(world, by_policies, subject, path, dialect, found)
    if world.calico_policies:
        return in_calico_tiers(world, by_policies, subject, path, dialect, found)
    if not world.tier_policies:
        return by_policies
    return in_tiers(world, by_policies, subject, path, dialect, found)


def _decide_by_policies(
    world: ClusterState,
    direction: Direction,
    subject: Pod,
    other: End,
    path: Path,
    dialect: Dialect,
    doubt: Doubt | None,
) -> DirectionDecision:
    isolating = world.isolating(subject, direction)
    rules = tuple(
        _fit_rule(world, policy, rule, other, path, dialect)
        for policy in isolating
        for rule in policy.rules(direction)
    )
    allowed = either(f.holds for f in rules) if isolating else True
    if allowed is None:
        doubt = next(f.doubt for f in rules if f.holds is None)
    return DirectionDecision(
        direction=direction,
        subject=subject,
        allowed=None if doubt and not allowed else allowed,
        isolating=isolating,
        rules=rules,
        doubt=None if allowed else doubt,
    )


def _exemption(
    direction: Direction, subject: End, other: End, path: Path, dialect: Dialect
) -> NotActing | Doubt | None:
    """Why no policy acts on a side; or what may keep policies from acting, undecidedly."""
    if not isinstance(subject, Pod):
        return NotActing(NotActingCode.NO_POD)
    if subject.host_network and dialect.isolates_host_network is False:
        return NotActing(NotActingCode.HOST_NETWORK, str(subject))
    if subject.host_network and dialect.isolates_host_network is None:
        return Doubt(DoubtCode.HOST_NETWORK_SUBJECT)
    if path.to_itself:
        return _itself(path, dialect)
    return _from_own_node(subject, other) if direction is Direction.INGRESS else None


def _itself(path: Path, dialect: Dialect) -> NotActing | Doubt | None:
    if path.service is None:
        return NotActing(NotActingCode.ITSELF)
    if dialect.isolates_from_itself_by_service is None:
        return Doubt(DoubtCode.ITSELF_BY_SERVICE)
    isolates = dialect.isolates_from_itself_by_service
    return None if isolates else NotActing(NotActingCode.ITSELF_BY_SERVICE)


def _from_own_node(subject: Pod, other: End) -> NotActing | Doubt | None:
    """A pod's own node always reaches it (types.go: "source is the pod's local node")."""
    if other is ANOTHER_NODE:
        return None
    if isinstance(other, Node):
        node = other.name
    elif isinstance(other, Pod) and other.host_network:
        node = other.node
    else:
        return None
    if node == OWN_NODE:
        return NotActing(NotActingCode.OWN_NODE)
    if not node or not subject.node:
        return Doubt(DoubtCode.OWN_NODE, str(subject), (str(other),))
    return NotActing(NotActingCode.OWN_NODE) if node == subject.node else None


def _fit_rule(
    world: ClusterState, policy: Policy, rule: Rule, other: End, path: Path, dialect: Dialect
) -> RuleFit:
    peers = [(p, fit_peer(world, policy.namespace, p, other, path, dialect)) for p in rule.peers]
    ports = [(p, fit_port(p, path, dialect)) for p in rule.ports]
    peer, peer_fit = _best(peers)
    port, port_fit = _best(ports)
    return RuleFit(
        policy=policy,
        rule=rule,
        holds=both([peer_fit.holds, port_fit.holds]),
        peer=peer,
        peer_fit=peer_fit,
        port=port,
        port_fit=port_fit,
    )


_Clause = TypeVar("_Clause", PeerClause, PortClause)


def _best(candidates: Sequence[tuple[_Clause, Fit]]) -> tuple[_Clause | None, Fit]:
    """The clause that fits best; without clauses nothing is restricted."""
    if not candidates:
        return None, YES
    return min(candidates, key=lambda candidate: distance(candidate[1]))
