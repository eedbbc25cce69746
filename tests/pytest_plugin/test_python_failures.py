"""What a story written in Python says where it fails: in pytest's options, as wide as pytest is."""

import pytest

from npol.errors import LockHeld
from npol.pytest_plugin.boundary import without_frames
from npol.pytest_plugin.fixtures import MARGIN, _explained


@without_frames
def held():
    raise LockHeld("shop is held", hint="--wait SECONDS, or npol recover r1 --context dev")


def test_hints_name_the_options_of_pytest():
    with pytest.raises(LockHeld) as told:
        held()

    assert told.value.hint == "--npol-wait SECONDS, or npol recover r1 --context dev"


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_behind_pytests_margin_the_explanation_is_as_wide_as_the_terminal(
    failure, monkeypatch, columns
):
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = [MARGIN + line for line in _explained([failure]).splitlines()]

    assert all(len(line) <= columns for line in lines)
    assert max(map(len, lines)) > min(columns, 100) * 0.8
