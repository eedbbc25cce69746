"""npol.crash: what is shown of a defect says where it is, and nothing of what npol had read."""

from __future__ import annotations

import json

import pytest

from npol.crash import crash_text
from npol.errors import Crashed, InputError, NotAsExpected, is_defect
from npol.selectors import matches

PLANTED = "Kz93b1f2c4d5"
HOLDERS = {
    "bare": PLANTED,
    "argument": f"mysql -p{PLANTED} -h db",
    "list": ["sh", "-c", f"curl -u me:{PLANTED} https://h"],
    "object": {"data": {"password": PLANTED}},
    "environment": f"environ({{'A': '{PLANTED}'}})",
    "url": f"https://store.test/{PLANTED}?sig={PLANTED}",
    "json": json.dumps({"args": [f"--x={PLANTED}"]}),
    "bytes": PLANTED.encode(),
    "several-lines": f"first\nsecond {PLANTED}\n",
    "joined": f"a_{PLANTED}.b-{PLANTED}",
}


def raised(error, cause=None):
    try:
        raise error from cause
    except Exception as caught:
        return caught


@pytest.mark.parametrize("held", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError])
def test_no_value_in_an_exceptions_message_is_shown(kind, held):
    text = crash_text(raised(kind(held)))

    assert PLANTED not in text
    assert kind.__name__ in text


def test_a_defects_place_code_and_wording_are_shown():
    with pytest.raises(AttributeError) as caught:
        matches({"matchLabels": ["app"]}, {})

    lines = crash_text(caught.value).splitlines()

    assert any(line.startswith("  npol/selectors.py:") for line in lines)
    assert any(line.startswith("  test_crash.py:") and line.endswith("_shown") for line in lines)
    assert "  AttributeError: 'list' object has no attribute 'items'" in lines


def test_a_defect_is_called_npols_own_with_what_to_send_and_to_do():
    first, *_, send, left = crash_text(raised(KeyError("x"))).splitlines()

    assert first.startswith("npol itself broke: no fault of story, manifests or cluster (exit code")
    assert "exit code 70; npol 0." in first
    assert "send these lines to the maintainers" in send
    assert "`npol recover --list`" in left


def test_errors_that_led_to_it_and_those_of_a_group_are_masked_too():
    before = raised(ValueError(PLANTED), cause=OSError(PLANTED))
    group = raised(ExceptionGroup(PLANTED, [TypeError(PLANTED)]), cause=before)

    text = crash_text(group)

    assert PLANTED not in text
    assert [
        k for k in ("OSError", "ValueError", "ExceptionGroup", "TypeError") if k not in text
    ] == []


def test_an_error_whose_message_breaks_is_named_by_its_kind():
    class Broken(Exception):
        def __str__(self):
            raise ValueError(PLANTED)

    text = crash_text(raised(Broken()))

    assert "  Broken" in text.splitlines()
    assert PLANTED not in text


@pytest.mark.parametrize(
    ("error", "defect"),
    [
        (KeyError("x"), True),
        (AssertionError(), True),
        (InputError("x"), False),
        (Crashed(KeyError("x")), False),
        (NotAsExpected(), False),
        (KeyboardInterrupt(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_raised_on_purpose_is_no_defect(error, defect):
    assert is_defect(error) is defect
