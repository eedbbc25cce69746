"""
What records say became of a probe: one word out of all that was told of its first packets.

A record is about a probe if it left from the port that npol chose for it and came while it was
under way; no two clocks need to be equal. That nothing was told proves nothing: verdicts are told
only for directions under policy, and records get lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from npol.judge.known_ends import KnownEnds, in_force
from npol.model.expectation import Outcome
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    ReceivedRecord,
    RecordDirection,
    RecordedPolicy,
    RecordVerdict,
)
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer

RETRANSMITTED_AFTER = 0.9
"""Seconds in which a first packet has no successor yet: TCP's first timeout is 1 s (RFC 6298)."""
SILENT = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeWay:
    """Where a probe may have gone, and what is known of those ends."""

    endpoints: Collection[tuple[str, int]] | None
    """Address and port of everything that may have got it; None: anything."""
    known: KnownEnds = field(default_factory=dict)
    watched: bool = False
    """
    Whether a packet that vanishes here would be missed: both nodes have told something of this
    round, nothing was lost, and nothing on the way rewrites addresses.
    """

    def leads_to(self, record: FlowRecord) -> bool:
        target = record.target
        return self.endpoints is None or (target.address, target.port) in self.endpoints


def packet_fate(
    records: Sequence[ReceivedRecord], way: ProbeWay, answer: Answer | None = None
) -> PacketFate:
    """
    `records`: what came of the probe's source port (`RecordStore.of_probe`), in any order;
    `answer`: what the probe saw, None while it is under way.
    """
    fate = _fate_of(records, way, answer)
    came = [r.at for r in records if (r.record.node, r.record.time) == (fate.node, fate.at)]
    return replace(fate, came=min(came)) if came else fate


def _fate_of(records: Sequence[ReceivedRecord], way: ProbeWay, answer: Answer | None) -> PacketFate:
    told = [r.record for r in records if r.record.first and way.leads_to(r.record)]
    nodes = tuple(sorted({r.node for r in told if r.node}))
    counted = [r for r in told if in_force(r.source, way.known) and in_force(r.target, way.known)]
    audited = _of(counted, RecordVerdict.AUDITED)
    dropped = _of(counted, RecordVerdict.DROPPED_BY_POLICY)
    otherwise = _of(counted, RecordVerdict.DROPPED_OTHERWISE)
    arrived = [r for r in counted if _arrived(r, way)]
    if audited:
        return _fate(Fate.AUDITED, audited, nodes)
    if dropped and (arrived or _opened(answer)):
        return _fate(_unsettled(answer), dropped, nodes)
    if dropped:
        return _fate(Fate.DROPPED_BY_POLICY, dropped, nodes)
    if arrived:
        return replace(_fate(Fate.ARRIVED, arrived, nodes), policies=_letting_through(counted))
    if otherwise:
        return _fate(Fate.DROPPED_OTHERWISE, otherwise, nodes)
    if len(counted) < len(told):
        return PacketFate(fate=Fate.OLD_LABELS, nodes=nodes)
    silent = answer is not None and answer.outcome in SILENT
    lost = way.watched and silent and not told
    return PacketFate(fate=Fate.LOST_ON_THE_WAY if lost else Fate.UNTOLD, nodes=nodes)


def _of(records: Sequence[FlowRecord], verdict: RecordVerdict) -> list[FlowRecord]:
    return [r for r in records if r.verdict is verdict]


def _arrived(record: FlowRecord, way: ProbeWay) -> bool:
    """Told by the target's own node; an egress record says only that it left."""
    if record.verdict is not RecordVerdict.FORWARDED:
        return False
    end = way.known.get(record.target.address)
    if end and record.node and end.node and record.node != end.node:
        return False
    ingress = record.direction is RecordDirection.INGRESS
    allowed = record.point is ObservationPoint.POLICY_VERDICT and ingress
    return allowed or record.point is ObservationPoint.TO_ENDPOINT


def _letting_through(records: Sequence[FlowRecord]) -> tuple[RecordedPolicy, ...]:
    """Of both directions; each once."""
    passed = _of(records, RecordVerdict.FORWARDED)
    return tuple(dict.fromkeys(policy for r in passed for policy in r.policies))


def _opened(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome in (Outcome.OPEN, Outcome.DNS_NEGATIVE)


def _unsettled(answer: Answer | None) -> Fate:
    """An answer within the first second was to the first packet, so a later one was dropped."""
    quick = answer is not None and answer.seconds < RETRANSMITTED_AFTER
    return Fate.CONTRADICTION if quick and _opened(answer) else Fate.CHANGING


def _fate(fate: Fate, records: Sequence[FlowRecord], nodes: tuple[str, ...]) -> PacketFate:
    """By the record that says most: one that names policies, else the first."""
    first = min(records, key=lambda r: (not r.policies, r.time))
    return PacketFate(
        fate=fate,
        direction=first.direction,
        node=first.node,
        reason=first.reason,
        policies=first.policies,
        at=min(r.time for r in records if r.node == first.node),
        nodes=nodes,
    )
