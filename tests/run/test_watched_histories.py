"""The turns of watched flows are told once each, at the instant in which they turned."""

import pytest

from npol.errors import Position
from npol.judge.tries import Try
from npol.model.expectation import parse_expectation
from npol.model.gap import GapBudget, GapKind
from npol.model.story import Flow
from npol.run.watched_histories import WatchedHistories

BEGAN = 100.0
FLOW = Flow(
    name="web -> db:5432",
    at=Position("a.npol.yaml", 3, 5),
    source="web",
    target="db",
    port=5432,
    expect=parse_expectation("allow"),
)


@pytest.fixture
def histories():
    return WatchedHistories([FLOW], BEGAN, engine="calico", budget=GapBudget(closed=5.0))


@pytest.fixture
def told(histories):
    """Add tries at these seconds, look at a moment, and give the turns that were told."""

    def look(now, *tries):
        turns = []
        histories.add(FLOW.name, [Try(BEGAN + at, saw) for at, saw in tries])
        histories.tell_turns(turns.append, BEGAN + now)
        return turns

    return look


def test_a_flow_that_stays_as_expected_is_never_told(told):
    assert told(0.3, (0.1, None), (0.2, None)) == []


def test_a_turn_is_told_once_with_its_instant_and_how_long_it_was_otherwise(told):
    (closed,) = told(0.5, (0.1, None), (0.3, GapKind.CLOSED), (0.4, GapKind.CLOSED))
    again = told(0.6, (0.5, GapKind.CLOSED))
    (open_,) = told(0.9, (0.8, None))

    assert (closed.saw, closed.expected) == (GapKind.CLOSED, "allow")
    assert closed.lasted == pytest.approx(0.3)
    assert again == []
    assert open_.saw is None
    assert open_.lasted == pytest.approx(0.5)


def test_a_flow_that_nobody_can_ask_is_told_after_a_while(told, histories):
    assert told(1.5, (0.1, None)) == []

    (unseen,) = told(2.5)

    assert unseen.saw is GapKind.NOT_SEEN
    assert histories.silent(BEGAN + 2.5) == {FLOW.name}
    assert histories.otherwise == 1


def test_the_result_has_all_gaps_and_the_budget_of_the_story(told, histories):
    told(1.0, (0.1, None), (0.3, GapKind.CLOSED), (0.5, None), (0.9, None))

    (flow,) = histories.result(BEGAN + 1.0).flows

    assert flow.tries == 4
    assert [gap.kind for gap in flow.gaps] == [GapKind.CLOSED]
    assert flow.budget == GapBudget(closed=5.0)
    assert flow.over_budget == ()
