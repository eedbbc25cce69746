"""
When a flow's change bit, by the data plane's own times: between the last probe that fared the old
way and the first that fared the new.

A node's clock and this process's are compared by the probes themselves: a packet was seen after
its round began and before its record came here. Pure: times are passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from npol.model.enforcement import EnforcementInterval
from npol.model.packet_fate import Fate, PacketFate


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPacket:
    """A probe's packet on a node; `began` and `came` bound the moment by this process's clock."""

    probe: str
    """The same for all probes that ask the same of the same."""
    node: str
    at: float
    """By the node's clock."""
    began: float
    came: float
    dropped: bool


def seen_packet(probe: str, fate: PacketFate | None, began: float) -> SeenPacket | None:
    """What a fate says of when; None where it says nothing of policies."""
    if fate is None or fate.at is None or fate.came is None:
        return None
    if fate.fate not in (Fate.DROPPED_BY_POLICY, Fate.ARRIVED):
        return None
    return SeenPacket(
        probe=probe,
        node=fate.node,
        at=fate.at,
        began=began,
        came=fate.came,
        dropped=fate.fate is Fate.DROPPED_BY_POLICY,
    )


@dataclass(slots=True)
class EnforcementTimes:
    """The packets of a step's flows as its rounds end."""

    _packets: dict[str, list[SeenPacket]] = field(default_factory=dict)
    """By flow."""
    _bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By node: how far its clock is ahead of this process's, at least and at most."""

    def note(self, flow: str, packets: Iterable[SeenPacket]) -> None:
        for p in packets:
            self._packets.setdefault(flow, []).append(p)
            low, high = self._bounds.get(p.node, (float("-inf"), float("inf")))
            self._bounds[p.node] = max(low, p.at - p.came), min(high, p.at - p.began)

    def interval(self, flow: str, changed_at: float) -> EnforcementInterval | None:
        """
        None where no record tells, or the clocks moved against each other meanwhile.

        A flow is asked in several ways: it bit where the last of them did.
        """
        clocks = self._clocks()
        packets = sorted(self._packets.get(flow, ()), key=lambda p: p.came)
        if not packets or any(p.node not in clocks for p in packets):
            return None
        by_probe: dict[str, list[SeenPacket]] = {}
        for packet in packets:
            by_probe.setdefault(packet.probe, []).append(packet)
        found = [_of_probe(seen, clocks, changed_at) for seen in by_probe.values()]
        return EnforcementInterval(
            after=max(one.after for one in found),
            until=max(one.until for one in found),
            clock_error=max(one.clock_error for one in found),
        )

    def _clocks(self) -> _Clocks:
        """Of the nodes whose clock did not move against ours."""
        return {
            node: ((low + high) / 2, (high - low) / 2)
            for node, (low, high) in self._bounds.items()
            if low <= high
        }


_Clocks = dict[str, tuple[float, float]]
"""By node: how far its clock is ahead of this process's, and how sure that is."""


def _of_probe(
    packets: Sequence[SeenPacket], clocks: _Clocks, changed_at: float
) -> EnforcementInterval:
    """From the last that fared otherwise than the last of all, or the change, to the next one."""
    last = packets[-1].dropped
    old = [number for number, packet in enumerate(packets) if packet.dropped is not last]
    first = old[-1] + 1 if old else 0
    moments = [_moment(packet, clocks) - changed_at for packet in packets]
    used = packets[old[-1] :] if old else packets[:1]
    until = max(0.0, min(moments[first:]))
    after = max(0.0, max(moments[:first], default=0.0))
    return EnforcementInterval(
        after=min(after, until),
        until=until,
        clock_error=max(clocks[packet.node][1] for packet in used[:2]),
    )


def _moment(packet: SeenPacket, clocks: _Clocks) -> float:
    return packet.at - clocks[packet.node][0]
