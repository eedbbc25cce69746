"""A network that lies, with packets: the verdict is the truth, and never a false one."""

from __future__ import annotations

import pytest

from npol.run.settle_loop import settle
from tests.e2e.packet_worlds import DELAYS, drawn, told

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

WORLDS, PARTS = 1000, 40


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_lying_network_gets_no_false_verdict_with_packets(part, tmp_path, monkeypatch):
    lies = []

    def lie_and_settle(*args):
        if lies:
            lies.pop()()
        return settle(*args)

    monkeypatch.setattr("npol.run.flow_runner.settle", lie_and_settle)
    delay = DELAYS[part % len(DELAYS)]
    worlds = drawn(part, WORLDS // PARTS)
    said = list(told(worlds, delay, tmp_path, lies.append))

    assert len(said) == len(worlds)
    assert [one.wrong for one in said if one.wrong] == []
