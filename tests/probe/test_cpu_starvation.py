"""When silence is no evidence because the source had no CPU to hear with."""

import pytest

from npol.probe.command import Ended
from npol.probe.cpu_starvation import starved


def end(asked, began, ended):
    return Ended(exit_code=1, words="", asked=asked, began=began, ended=ended)


PROMPT = end(0.0, 0.01, 0.02)


@pytest.mark.parametrize(
    ("seen", "control", "words"),
    [
        pytest.param(end(0.0, 0.01, 2.01), PROMPT, "", id="healthy"),
        pytest.param(end(0.0, 0.9, 2.9), PROMPT, "", id="late-but-bearable"),
        pytest.param(end(0.0, 1.1, 3.1), PROMPT, "started 1.1 s late", id="started-late"),
        pytest.param(end(0.0, 0.0, 3.5), PROMPT, "ended 1.5 s late", id="ended-late"),
        pytest.param(end(0.0, 0.0, 2.0), end(0.0, 0.5, 1.2), "took 1.2 s", id="slow-control"),
        pytest.param(end(0.0, 0.0, 2.0), None, "has not ended yet", id="control-still-runs"),
    ],
)
def test_silence_counts_only_in_a_source_that_could_have_heard(seen, control, words):
    said = starved(2.0, 2.0, seen, control)

    assert (words in said) if words else said == ""


def test_a_short_timeout_bears_less_delay():
    seen = end(0.0, 0.3, 0.8)

    assert starved(0.5, 0.5, seen, PROMPT)
    assert not starved(2.0, 0.5, seen, PROMPT)
