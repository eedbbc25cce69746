"""The walk of a packet: name, Service, egress of the source, ingress of the target."""

from __future__ import annotations

import enum
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from npol.model.causes import (
    ActsByItsRules,
    Cause,
    EnginesDiffer,
    Fact,
    LeadsTo,
    NameUnresolved,
)
from npol.model.placed_policy import PlacedPolicy
from npol.model.prediction import Prediction
from npol.model.refused_object import RefusedObject
from npol.policy.evaluate.decision import Decision, DirectionDecision, PathDecision
from npol.policy.evaluate.evaluate import decide, evaluate
from npol.policy.explain.causes import side_causes
from npol.policy.explain.fixes import Remedy, remedies
from npol.policy.explain.tier_causes import walk_causes
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod, Service, Traffic
from npol.policy.objects.netpol_types import Policy
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import dns_traffic


class StageAnswer(enum.Enum):
    """What becomes of a packet at one part of its walk."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    NONE = ""  # a mere fact, such as a translation


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketStage:
    """One part of the walk."""

    title: str
    answer: StageAnswer = StageAnswer.NONE
    lines: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A flow explained; `without` is the prediction without the policies that were left out."""

    flow: str
    prediction: Prediction
    dialect: str
    stages: tuple[PacketStage, ...] = ()
    notes: tuple[Fact, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    left_out: tuple[str, ...] = ()
    without: Prediction | None = None
    refused: tuple[RefusedObject, ...] = ()
    """Policies near its ends that say nothing, for the API server refuses them."""


def explain_flow(
    world: ClusterState, traffic: Traffic, dialect: Dialect = SPEC, *, without: Collection[str] = ()
) -> Explanation:
    """
    Explain one flow as the policies stand; `without`: also what it would be without these.

    `without` holds names `namespace/name`; one that is no policy here changes nothing.
    """
    decision = evaluate(world, traffic, dialect)
    read = world.as_read(dialect)
    stages = tuple(_stages(read, decision, dialect))
    explanation = Explanation(
        flow=str(traffic),
        prediction=decision.prediction,
        dialect=dialect.name,
        stages=stages,
        notes=(*_notes(decision, stages), *_by_their_rules(world, decision)),
        remedies=() if decision.allowed else remedies(read, decision, dialect),
        refused=tuple(_refused(world, decision)),
    )
    if not without:
        return explanation
    fewer = decide(world.without_policies(without), traffic, dialect)
    return replace(explanation, left_out=tuple(without), without=fewer.prediction)


def explain_flows(
    world: ClusterState,
    traffics: Sequence[Traffic],
    dialect: Dialect = SPEC,
    *,
    without: Collection[str] = (),
) -> tuple[Explanation, ...]:
    """The same of several; a flow over two IP families, which fares alike in both, once."""
    by_flow: dict[str, list[Explanation]] = {}
    for traffic in traffics:
        told = explain_flow(world, traffic, dialect, without=without)
        by_flow.setdefault(str(traffic), []).append(_over(traffic, told))
    return tuple(one for told in by_flow.values() for one in _merged(told))


def _over(traffic: Traffic, told: Explanation) -> Explanation:
    return replace(told, flow=f"{traffic} over IPv{traffic.family}")


def _merged(told: Sequence[Explanation]) -> Sequence[Explanation]:
    plain = told[0].flow.rpartition(" over ")[0]
    if len(told) == 1:
        return [replace(told[0], flow=plain)]
    if len({_course(one) for one in told}) == 1:
        return [replace(told[0], flow=f"{plain} over IPv4 and IPv6")]
    return told


def _course(told: Explanation) -> Hashable:
    """What becomes of the packets, and where, without the addresses in the causes."""
    stages = tuple((stage.title, stage.answer) for stage in told.stages)
    without = told.without.decision if told.without else None
    return told.prediction.decision, told.prediction.decided_by, stages, without


def _stages(world: ClusterState, decision: Decision, dialect: Dialect) -> Iterator[PacketStage]:
    traffic = decision.traffic
    if isinstance(traffic.target, Service):
        if stage := _name(world, traffic, dialect):
            yield stage
        yield _service(decision, traffic.target)
    for path in decision.distinct_paths:
        yield from (_side(world, side, path) for side in path.sides)


def _side(world: ClusterState, side: DirectionDecision, path: PathDecision) -> PacketStage:
    found = (*walk_causes(side), *side_causes(world, side, path))
    lines = tuple(replace(cause, subject="") for cause in found)
    return PacketStage(title=str(side), answer=_answer(side.allowed), lines=lines)


def _answer(allowed: bool | None) -> StageAnswer:
    if allowed is None:
        return StageAnswer.UNKNOWN
    return StageAnswer.OPEN if allowed else StageAnswer.CLOSED


def _name(world: ClusterState, traffic: Traffic, dialect: Dialect) -> PacketStage | None:
    """Before a packet goes to a Service, its name is looked up: a flow of its own."""
    asking = dns_traffic(world, traffic.source)
    if asking is None or asking.target == traffic.target or not isinstance(traffic.source, Pod):
        return None
    decision = decide(world, asking, dialect)
    if decision.allowed is not False:
        return PacketStage(title=f"name of {traffic.target}", answer=_answer(decision.allowed))
    closed = [(s, p) for p in decision.paths[:1] for s in p.sides if s.allowed is False]
    lines = tuple(cause for s, p in closed for cause in side_causes(world, s, p))
    return PacketStage(title=f"name of {traffic.target}", answer=StageAnswer.CLOSED, lines=lines)


def _service(decision: Decision, service: Service) -> PacketStage:
    """The translation; where it changes the port, policies see the new one only."""
    why = decision.why_unknown if not decision.paths else None
    lines = [Cause(what=why, at=service.at)] if why else []
    by_port: dict[int, list[str]] = {}
    for path in decision.paths:
        by_port.setdefault(path.path.port, []).append(str(path.path.target))
    for port, pods in by_port.items():
        ends = tuple(dict.fromkeys(pods))
        what = LeadsTo(str(service), decision.traffic.port, ends, port)
        lines.append(Cause(what=what, at=service.at))
    return PacketStage(title=str(service), lines=tuple(lines))


def _notes(decision: Decision, stages: tuple[PacketStage, ...]) -> Iterator[Fact]:
    if decision.allowed and any(s.answer is StageAnswer.CLOSED for s in stages):
        yield NameUnresolved()
    if decision.allowed is None and decision.paths and decision.why_unknown:
        yield decision.why_unknown
    if decision.depends_on_dialect:
        yield EnginesDiffer(tuple((e, _answer(a).value) for e, a in decision.by_engine.items()))


def _refused(world: ClusterState, decision: Decision) -> Iterator[RefusedObject]:
    """The refused policies of the namespaces that the flow's ends lie in."""
    traffic = decision.traffic
    ends = (traffic.source, traffic.target, *(p.path.target for p in decision.paths))
    near = {end.namespace for end in ends if isinstance(end, Pod | Service)}
    yield from (r for r in world.refused if r.namespace in near)


def _by_their_rules(world: ClusterState, decision: Decision) -> tuple[ActsByItsRules, ...]:
    """Policies that isolate an end in a direction which their policyTypes do not name."""
    sides = [s for p in decision.paths for s in p.sides if not s.not_applicable]
    found = (
        ActsByItsRules(
            PlacedPolicy(str(policy), str(policy.origin)), side.direction.field, decision.dialect
        )
        for side in sides
        for policy in side.isolating
        if isinstance(policy, Policy)
        and (written := world.policy(policy.namespace, policy.name))
        and side.direction not in written.directions
    )
    return tuple(dict.fromkeys(found))
