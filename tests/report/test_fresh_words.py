"""What is said of pods that started after a step's changes."""

from dataclasses import replace

import pytest

from npol.model.fresh_start import FreshEnd, FreshStart
from npol.model.gap import Gap, GapKind
from npol.report.durations import enforced

LEAK = Gap(kind=GapKind.OPEN, began=0.1, seconds=1.9, at_least=1.8, at_most=2.0, over=True)
START = FreshStart(
    end=FreshEnd.SOURCE,
    pod="shop/npol-1",
    started=1.0,
    tries=200,
    first_try=0.01,
    first_answer=0.1,
    last_try=4.0,
    gaps=(LEAK,),
)


@pytest.mark.parametrize(
    ("after", "gaps", "said"),
    [
        (0.0, (), "enforced at once"),
        (0.0, (LEAK,), "enforced at once, for fresh pods 2.0 s after their start"),
        (0.4, (LEAK,), "enforced after 400 ms, for fresh pods 2.0 s after their start"),
        (
            0.0,
            (LEAK, replace(LEAK, began=3.0, over=False)),
            "enforced at once, for fresh pods not by their last try",
        ),
    ],
    ids=["no-leak", "leak", "slow-as-well", "leaks-on"],
)
def test_a_step_that_leaked_is_not_said_to_be_enforced_at_once(flow, after, gaps, said):
    fresh = flow(enforced_after=0.0, fresh=replace(START, gaps=gaps))

    assert enforced([flow(enforced_after=after), fresh]) == said
