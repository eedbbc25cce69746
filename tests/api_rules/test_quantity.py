"""Quantities beyond what the API server counts."""

import pytest

from npol.api_rules.quantity import amount, canonical

MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("9Ei", MOST, str(MOST)),
        ("1e60", MOST, str(MOST)),
        ("1e1000000", MOST, str(MOST)),
        ("-1e1000000", -MOST, str(-MOST)),
        ("1.5Gi", 1536 << 20, "1536Mi"),
        ("12e6", 12_000_000, "12e6"),
    ],
)
def test_what_is_too_much_counts_as_the_most(text, value, shown):
    assert amount(text) == value
    assert canonical(text) == shown


def test_next_to_nothing_is_more_than_nothing():
    assert 0 < amount("1e-1000000") < amount("1n")
