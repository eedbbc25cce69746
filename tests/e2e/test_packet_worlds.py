"""A network that lies, with packets: the verdict is the truth, and never a false one."""

from __future__ import annotations

import itertools
import math

import pytest

from tests.e2e.lying_lab import Lies, told
from tests.e2e.packet_worlds import Drawing

pytestmark = pytest.mark.lab

FIFTY = Drawing(stories=2, pairs=5, steps=5, ends_by=0.6, delay=1.0, behind="pod")
"""All times scaled down; policies bite later than the quiet time, which is 0.3 s."""
DELAYS = (0.0, 0.1, 0.5, 2.0, math.inf)
PARTS = [*itertools.product(DELAYS, ("service", "pod"), ("auto", "off"))]
"""Of the thousand: when policies bite, what is asked, whether the data plane's records are read."""


@pytest.fixture
def lies(monkeypatch):
    lies = Lies()
    monkeypatch.setattr("npol.run.flow_runner.settle", lies.settle)
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)  # off at night
    return lies


def test_a_lying_network_gets_no_false_verdict_with_packets(lies, tmp_path):
    said = told(FIFTY, 39, tmp_path, lies, "auto")

    assert len(said) == 50
    assert [one.wrong for one in said if one.wrong] == []


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("delay", "behind", "records"), PARTS)
def test_a_thousand_lying_worlds_get_no_false_verdict_with_packets(
    delay, behind, records, lies, tmp_path
):
    drawing = Drawing(stories=4, pairs=4, steps=4, ends_by=2.5, delay=delay, behind=behind)
    said = told(drawing, PARTS.index((delay, behind, records)), tmp_path, lies, records)

    assert len(said) * len(PARTS) >= 1000
    assert [one.wrong for one in said if one.wrong] == []
