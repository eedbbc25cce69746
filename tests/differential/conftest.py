"""A lab for random clusters, of whose answers a quarter at least is open, and a quarter closed."""

from __future__ import annotations

import pytest

from tests.differential.test_lab import Lab


@pytest.fixture(scope="module")
def mixed_lab():
    made = Lab()
    yield made
    counted = dict(made.counted)
    made.packets.close()
    asked = counted["open"] + counted["timeout"]
    assert counted["open"] > asked / 4, counted
    assert counted["timeout"] > asked / 4, counted
