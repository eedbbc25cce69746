"""When a change bit, by records: nodes' clocks run apart from ours."""

from __future__ import annotations

import time

import pytest

from npol.judge.enforcement_time import EnforcementTimes, SeenPacket, seen_packet
from npol.model.enforcement import EnforcementInterval
from npol.model.packet_fate import Fate, PacketFate
from npol.report.durations import by_records

AHEAD = 1000.0
"""Seconds by which the clock of `node2` is ahead."""


def packet(moment, dropped, *, probe="pod", node="node2", ahead=AHEAD, before=0.01, behind=0.01):
    """Seen at a moment of our clock; its round began and its record came that much apart."""
    return SeenPacket(
        probe=probe,
        node=node,
        at=moment + ahead,
        began=moment - before,
        came=moment + behind,
        dropped=dropped,
    )


def interval(*packets, changed_at=0.0):
    times = EnforcementTimes()
    times.note("flow", packets)
    return times.interval("flow", changed_at)


def rounded(found):
    return (round(found.after, 3), round(found.until, 3), round(found.clock_error, 3))


def test_it_lies_between_the_last_forwarded_and_the_first_dropped():
    found = interval(
        packet(1.1, False), packet(1.3, False), packet(1.6, True), packet(1.9, True), changed_at=1.0
    )

    assert rounded(found) == (0.3, 0.6, 0.01)


def test_the_clocks_error_is_as_small_as_the_closest_probe_makes_it():
    found = interval(packet(0.3, False), packet(0.6, True, before=0.002, behind=0.004))

    after, until, error = rounded(found)
    assert error == 0.003
    assert abs(after - 0.3) <= error
    assert abs(until - 0.6) <= error


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 0.4, 1.8e9])
def test_no_clock_needs_to_be_right(ahead):
    found = interval(packet(0.3, False, ahead=ahead), packet(0.6, True, ahead=ahead))

    assert rounded(found) == (0.3, 0.6, 0.01)


def test_without_a_packet_that_fared_the_old_way_it_begins_with_the_change():
    assert rounded(interval(packet(0.3, True), packet(0.6, True))) == (0.0, 0.3, 0.01)


def test_an_opening_lies_between_the_last_dropped_and_the_first_forwarded():
    assert rounded(interval(packet(0.3, True), packet(0.6, False))) == (0.3, 0.6, 0.01)


def test_what_came_back_counts_from_the_last_change():
    found = interval(packet(0.2, True), packet(0.5, False), packet(0.9, True))

    assert rounded(found) == (0.5, 0.9, 0.01)


def test_a_flow_bit_where_the_last_of_its_ways_did():
    found = interval(
        packet(0.1, False, probe="a"),
        packet(0.2, True, probe="a"),
        packet(0.5, False, probe="b"),
        packet(0.8, True, probe="b"),
    )

    assert rounded(found) == (0.5, 0.8, 0.01)


def test_packets_told_by_two_nodes_are_compared_by_our_clock():
    """Dropped on its way out by the source's node, which is behind, and let in by the target's."""
    found = interval(packet(0.3, False), packet(0.6, True, node="node1", ahead=-7.0))

    assert rounded(found) == (0.3, 0.6, 0.01)


def test_a_clock_that_was_set_meanwhile_tells_nothing():
    assert interval(packet(0.3, False), packet(0.6, True, ahead=AHEAD + 5)) is None


def test_without_packets_nothing_is_told():
    assert interval() is None


@pytest.mark.parametrize(
    ("fate", "dropped"),
    [(Fate.DROPPED_BY_POLICY, True), (Fate.ARRIVED, False), (Fate.DROPPED_OTHERWISE, None)],
)
def test_only_what_is_of_policies_counts(fate, dropped):
    seen = seen_packet("p", PacketFate(fate=fate, node="n", at=5.0, came=2.0), 1.0)

    assert (seen.dropped if seen else None) is dropped


def test_reports_say_it_with_the_clocks_error():
    found = EnforcementInterval(after=0.12, until=1.4, clock_error=0.003)

    assert by_records(found) == "by records 120 ms to 1.4 s after the change, clocks +-3 ms"


def test_thousands_of_flows_are_told_in_a_moment():
    """Each packet is looked at once for the clocks, not once for each flow."""
    times = EnforcementTimes()
    for number in range(2_500):
        times.note(f"flow {number}", [packet(0.3, False), packet(0.6, True)])

    began = time.process_time()
    found = {times.interval(f"flow {number}", 0.0) for number in range(2_500)}

    assert len(found) == 1
    assert time.process_time() - began < 2.0
