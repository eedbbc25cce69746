"""Records of the past, summed up: who opened connections to whom, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from npol.flow_records.observed_ends import NODES, EndTable, is_of_one_link
from npol.flow_records.whisker import WhiskerFlow
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    RecordDirection,
    RecordedPolicy,
    RecordVerdict,
)
from npol.model.observed import EndKind, LeftOut, ObservedFlow
from npol.model.story import Protocol

EPHEMERAL = 32768
"""From here on ports are what clients get (Linux, ip_local_port_range)."""
_DECIDED = (ObservationPoint.POLICY_VERDICT, ObservationPoint.DROP)
_PLUGIN = frozenset({"health"})

_Token = tuple[str, int] | str
"""One connection of a flow: its source's address and port; of Whisker, when it was told."""
_Key = tuple[int, int, Protocol | None, int]


@dataclass(slots=True)
class _Seen:
    tokens: set[_Token] = field(default_factory=set)
    dropped: set[_Token] = field(default_factory=set)
    arrived: set[_Token] = field(default_factory=set)
    last: float = 0.0
    policies: dict[RecordedPolicy, None] = field(default_factory=dict)

    def note(self, token: _Token, time: float, policies: tuple[RecordedPolicy, ...]) -> None:
        self.tokens.add(token)
        self.last = max(self.last, time)
        for policy in policies:
            self.policies[policy] = None


@dataclass(slots=True)
class ObservedFlows:
    """Takes records in any order, doubled or not: a connection counts once."""

    left_out: Counter[LeftOut] = field(default_factory=Counter)
    _ends: EndTable = field(default_factory=EndTable)
    _seen: dict[_Key, _Seen] = field(default_factory=dict)

    def add(self, record: FlowRecord) -> None:
        why = _left_out(record)
        if why:
            self.left_out[why] += 1
            return
        source, target = record.source, record.target
        key = (
            self._ends.of_record(source, record.node),
            self._ends.of_record(target, record.node),
            record.protocol,
            target.port,
        )
        token = source.address, source.port
        seen = self._flow(key)
        seen.note(token, record.time, record.policies)
        if record.verdict is RecordVerdict.DROPPED_BY_POLICY:
            seen.dropped.add(token)
        elif _arrived(record, self._ends.ends[key[1]].kind):
            seen.arrived.add(token)

    def add_whisker(self, flow: WhiskerFlow) -> None:
        """The same flow is told by both its ends."""
        ends = (self._ends.number(flow.source), self._ends.number(flow.target))
        seen = self._flow((*ends, flow.protocol, flow.port))
        seen.note(flow.start, flow.time, flow.policies)
        if flow.denied:
            seen.dropped.add(flow.start)
        elif flow.at_target or flow.target.kind is EndKind.OUTSIDE:
            seen.arrived.add(flow.start)

    def flows(self) -> Iterator[ObservedFlow]:
        """By their ends' names, so that two readings of the same files agree."""
        for key in sorted(self._seen, key=self._spelled):
            seen, (source, target, protocol, port) = self._seen[key], key
            yield ObservedFlow(
                source=self._ends.ends[source],
                target=self._ends.ends[target],
                protocol=protocol,
                port=port,
                connections=len(seen.tokens),
                dropped=len(seen.dropped),
                arrived=len(seen.arrived - seen.dropped),
                last_seen=seen.last,
                policies=tuple(seen.policies),
            )

    def _flow(self, key: _Key) -> _Seen:
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen()
        return seen

    def _spelled(self, key: _Key) -> tuple[str, str, int, str]:
        source, target, protocol, port = key
        name = protocol.value if protocol else ""
        return str(self._ends.ends[source]), str(self._ends.ends[target]), port, name


def _left_out(record: FlowRecord) -> LeftOut | None:
    """Only what was judged by policies, or belongs to a known connection, has a direction."""
    if record.point is ObservationPoint.L7:
        return LeftOut.BY_PROXY
    if record.reply:
        return LeftOut.REPLY
    if record.verdict is RecordVerdict.OTHER:
        return LeftOut.OTHER
    if record.verdict is RecordVerdict.DROPPED_OTHERWISE:
        return LeftOut.NOT_BY_POLICY
    if record.reply is None and not (record.point in _DECIDED and record.first):
        return LeftOut.OTHER
    return _by_ends(record)


def _by_ends(record: FlowRecord) -> LeftOut | None:
    source, target = record.source, record.target
    if not target.namespace and is_of_one_link(target.address):
        return LeftOut.OTHER
    if (source.entities | target.entities) & _PLUGIN:
        return LeftOut.PLUGIN
    if "host" in source.entities and target.namespace and not target.entities & NODES:
        return LeftOut.OWN_NODE
    opening = record.protocol is Protocol.TCP and record.first
    if not opening and target.port >= EPHEMERAL > source.port > 0:
        return LeftOut.EPHEMERAL
    return None


def _arrived(record: FlowRecord, target: EndKind) -> bool:
    """What leaves for a place outside is told by its source's node alone."""
    if record.point is ObservationPoint.TO_ENDPOINT or target is not EndKind.POD:
        return True
    verdict = record.point is ObservationPoint.POLICY_VERDICT
    return verdict and record.direction is RecordDirection.INGRESS
