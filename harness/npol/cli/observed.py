"""What `plan`, `init` and `explain` say of traffic that was seen (`--observed`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from npol.cli.streams import say
from npol.flow_records.observed_files import read_observed
from npol.model.doubt import Doubt
from npol.model.observed import EndKind, ObservedEnd, ObservedFlow, ObservedTraffic
from npol.policy.evaluate.decision import Decision
from npol.policy.objects.dialects import BY_ENGINE, Dialect
from npol.policy.objects.entities import End, Pod
from npol.policy.observed.cuts import ForeseenFlow, ObservedPlan, UnusedRule
from npol.policy.observed.observed_story import ObservedSuggestion, UnaskableCode, UnaskedFlow
from npol.policy.observed.observed_world import ObservedWorld
from npol.policy.suggest.suggest import Suggestion
from npol.report.causes import fact_words
from npol.report.escape import safe

MOST = 50
"""Flows of a kind that are printed one by one."""
_UNASKABLE = {
    UnaskableCode.NOT_FROM_A_POD: "nothing can ask from there",
    UnaskableCode.PROTECTED_NAMESPACE: "npol starts no pods in {namespace}",
    UnaskableCode.ADDRESS_NOT_KEPT: "its address was not kept",
    UnaskableCode.PARTLY_DROPPED: "some of it was dropped and some not: policies changed meanwhile",
    UnaskableCode.NOBODY_ANSWERED: "it was dropped, and nobody was seen to get an answer there",
    UnaskableCode.NOT_ARRIVED: "it was not seen to arrive",
    UnaskableCode.EPHEMERAL_PORT: "an ephemeral port",
    UnaskableCode.SCTP: "debug pods have no tool for SCTP",
    UnaskableCode.UNKNOWN_UDP: "what it answers to over UDP is not known",
}


def observed(paths: Sequence[str]) -> ObservedTraffic:
    """
    What the files hold; what cannot be read of them is said on standard error.

    Raises:
        InputError: one cannot be read, or holds no record at all.
    """
    traffic = read_observed(paths)
    for note in _troubles(traffic):
        say(safe(f"npol: {note}"), err=True)
    return traffic


def dialect_of(traffic: ObservedTraffic, named: Dialect | None) -> Dialect:
    """The one that was named, else that of the network plugin that told the traffic."""
    return named or BY_ENGINE[traffic.plugin]


def summary(traffic: ObservedTraffic) -> Iterator[str]:
    """What was read, and what of it counts."""
    files = ", ".join(traffic.files)
    connections = sum(flow.connections for flow in traffic.flows)
    latest = max((flow.last_seen for flow in traffic.flows), default=0.0)
    last = f", the last at {moment(latest)}" if latest else ""
    yield f"observed: {traffic.records} records of {traffic.plugin} ({files})"
    yield f"  {len(traffic.flows)} flow(s), {connections} connection(s){last}"
    for why, number in sorted(traffic.left_out.items(), key=lambda item: -item[1]):
        yield f"  left out {number} record(s): {why.value}"


def moment(seconds: float) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seen(flow: ObservedFlow) -> str:
    """`12 times (2 dropped), last 2026-11-28T22:40:09Z, by NetworkPolicy shop/web-in`."""
    dropped = f" ({flow.dropped} dropped)" if flow.dropped else ""
    by = f", by {', '.join(map(str, flow.policies))}" if flow.policies else ""
    return f"{flow.connections} time(s){dropped}, last {moment(flow.last_seen)}{by}"


def plan_lines(plan: ObservedPlan) -> Iterator[str]:
    """The flows that change, what cannot be foretold, and the rules that none used."""
    yield from _part("CUT", plan.cut, lambda f: f"; denied by {_names(f)}")
    yield from _part("OPENS", plan.opened, lambda f: f"; allowed by {_names(f) or 'no policy'}")
    yield from _part("UNKNOWN", plan.unknown, lambda f: f"; cannot be predicted: {_why(f)}")
    for unused in plan.unused:
        yield f"  UNUSED {_rule(unused)}: no flow that was seen needs this rule"


def observed_lines(
    world: ObservedWorld, decision: Decision, traffic: ObservedTraffic
) -> Iterator[str]:
    """What was seen of one flow."""
    found = [flow for flow in traffic.flows if _is_asked(world, decision, flow)]
    yield from (f"observed: {flow}: {seen(flow)}" for flow in found)
    if not found:
        yield f"observed: never, in {traffic.records} record(s)"


def in_words(found: ObservedSuggestion) -> Suggestion:
    """The story with what is left out, and with the doubts, as people read them."""
    return replace(
        found.suggestion,
        unknown=tuple(f"{one.flow}: {_why_left_out(one)}" for one in found.left_out),
        doubts=tuple(map(_doubt, found.doubts)),
    )


def _why_left_out(one: UnaskedFlow) -> str:
    if isinstance(one.why, Doubt):
        return fact_words(one.why)
    return _UNASKABLE[one.why].format(namespace=one.flow.source.namespace)


def _doubt(foreseen: ForeseenFlow) -> str:
    """Where the policies at hand mean something else than what was seen."""
    flow, names = foreseen.flow, _names(foreseen) or "no policy"
    if foreseen.cut:
        return f"{flow} was seen to pass, and {names} would cut it"
    if foreseen.opened:
        return f"{flow} was seen to be dropped, and {names} would let it pass"
    return f"{flow}: {_why(foreseen)}"


def _why(foreseen: ForeseenFlow) -> str:
    return fact_words(foreseen.why_unknown)


def _is_asked(world: ObservedWorld, decision: Decision, flow: ObservedFlow) -> bool:
    source, target = world.ends.get(flow.source), world.ends.get(flow.target)
    return any(
        (path.path.port, path.path.protocol) == (flow.port, flow.protocol)
        and _stands_for(path.path.source, source)
        and _stands_for(path.path.target, target)
        for path in decision.paths
    )


def _stands_for(end: End, seen_end: End | None) -> bool:
    """Whether an end is that one, or a pod of the same workload."""
    if not isinstance(end, Pod) or not isinstance(seen_end, Pod):
        return end == seen_end
    same = end.workload and end.workload == seen_end.workload
    return end.namespace == seen_end.namespace and (end.name == seen_end.name or bool(same))


def _part(
    word: str, flows: Sequence[ForeseenFlow], tail: Callable[[ForeseenFlow], str]
) -> Iterator[str]:
    merged = sorted(_merged(flows), key=lambda f: -f.flow.connections)
    for one in merged[:MOST]:
        yield f"  {word} {one.flow}: {seen(one.flow)}{tail(one)}"
    if len(merged) > MOST:
        yield f"  {word} {len(merged) - MOST} more"


def _names(foreseen: ForeseenFlow) -> str:
    return ", ".join(map(str, foreseen.decided_by))


def _rule(unused: UnusedRule) -> str:
    origin = unused.origin
    where = f" ({origin.at.file}:{origin.at.line})" if origin.at else ""
    return f"{unused.policy} {origin.path}{where}"


def _merged(flows: Iterable[ForeseenFlow]) -> list[ForeseenFlow]:
    """Addresses outside that fare alike are told as one."""
    groups: dict[tuple[object, ...], list[ForeseenFlow]] = {}
    for one in flows:
        flow = one.flow
        ends = (_place(flow.source), _place(flow.target))
        key = (*ends, flow.protocol, flow.port, one.allowed, one.decided_by, one.why_unknown)
        groups.setdefault(key, []).append(one)
    return [_one_of(group) for group in groups.values()]


def _place(end: ObservedEnd) -> object:
    return EndKind.OUTSIDE if end.kind is EndKind.OUTSIDE else end


def _one_of(group: Sequence[ForeseenFlow]) -> ForeseenFlow:
    if len(group) == 1:
        return group[0]
    first, flows = group[0], [one.flow for one in group]
    names = {p: None for flow in flows for p in flow.policies}
    flow = ObservedFlow(
        source=_all_of([f.source for f in flows]),
        target=_all_of([f.target for f in flows]),
        protocol=first.flow.protocol,
        port=first.flow.port,
        connections=sum(f.connections for f in flows),
        dropped=sum(f.dropped for f in flows),
        arrived=sum(f.arrived for f in flows),
        last_seen=max(f.last_seen for f in flows),
        policies=tuple(names),
    )
    return ForeseenFlow(
        flow=flow,
        allowed=first.allowed,
        decided_by=first.decided_by,
        why_unknown=first.why_unknown,
    )


def _all_of(ends: Sequence[ObservedEnd]) -> ObservedEnd:
    different = dict.fromkeys(ends)
    if len(different) == 1:
        return ends[0]
    name = f"outside ({len(different)} addresses, such as {ends[0]})"
    return ObservedEnd(kind=EndKind.OUTSIDE, name=name)


def _troubles(traffic: ObservedTraffic) -> Iterator[str]:
    for cut in traffic.cut_off:
        yield f"{cut}; the rest was read"
    for unread in traffic.unread:
        yield f"{unread}: left out"
    if more := traffic.unread_lines - len(traffic.unread):
        yield f"{more} more lines are no flow records"
    if traffic.lost:
        yield f"{traffic.lost} records were lost before they were told: flows may be missing"
