"""Policies that bite late, with default settings: no story passes on an old answer."""

from __future__ import annotations

import pytest

from benchmarks.late_enforcement import DELAYS, measure

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


@pytest.mark.parametrize("delay", DELAYS)
def test_each_story_is_judged_right_however_late_policies_bite(delay):
    seen = list(measure(delay))

    for one in seen:
        print(f"{delay:g} s: {one.story}, {one.step}: {one.verdict}, {one.seconds:.1f} s")
    assert {(s.story, s.step): s.verdict for s in seen} == {
        ("right", "open"): "as expected",
        ("right", "closed"): "as expected",
        ("right", "reopened"): "as expected",
        ("wrong", "open"): "as expected",
        ("wrong", "closed"): "too closed",
        ("wrong", "reopened"): "too open",
    }
