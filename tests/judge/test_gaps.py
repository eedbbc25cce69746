"""From the tries of a flow to the times in which it was not as expected."""

import random

import pytest

from npol.judge.gaps import FlowHistory, Try, tries_of
from npol.model.expectation import Outcome, parse_expectation
from npol.model.gap import GapKind
from npol.model.probe import Answer

ALLOW, DENY, OK = map(parse_expectation, ("allow", "deny", "http 200"))


def answer(outcome, seconds=0.01, **rest):
    return Answer(key="k", outcome=outcome, seconds=seconds, **rest)


def history(states, every=0.1):
    """`.` as expected, `x` closed, `o` open, ` ` no try: one each tenth of a second."""
    kinds = {".": None, "x": GapKind.CLOSED, "o": GapKind.OPEN}
    made = FlowHistory()
    tries = [Try(i * every, kinds[s]) for i, s in enumerate(states) if s in kinds]
    random.Random(1).shuffle(tries)
    made.add(*tries)
    return made


@pytest.mark.parametrize(
    ("expected", "answered", "saw"),
    [
        pytest.param(ALLOW, answer(Outcome.OPEN), None, id="allowed-and-open"),
        pytest.param(ALLOW, answer(Outcome.TIMEOUT), GapKind.CLOSED, id="allowed-and-silent"),
        pytest.param(ALLOW, answer(Outcome.REFUSED), GapKind.CLOSED, id="allowed-and-refused"),
        pytest.param(DENY, answer(Outcome.TIMEOUT), None, id="denied-and-silent"),
        pytest.param(DENY, answer(Outcome.OPEN), GapKind.OPEN, id="denied-and-open"),
        pytest.param(OK, answer(Outcome.OPEN, status=200), None, id="the-status"),
        pytest.param(OK, answer(Outcome.OPEN, status=503), GapKind.WRONG_ANSWER, id="another"),
        pytest.param(OK, answer(Outcome.TIMEOUT), GapKind.CLOSED, id="no-status"),
    ],
)
def test_a_try_is_as_expected_or_not(expected, answered, saw):
    (one,) = tries_of(expected, answered, 5.0)

    assert (one.at, one.saw) == (5.0, saw)


def test_a_probe_that_did_not_run_has_seen_nothing():
    assert tries_of(ALLOW, answer(Outcome.ERROR), 5.0) == ()


def test_an_answer_to_a_second_syn_was_closed_a_second_before():
    first, second = tries_of(ALLOW, answer(Outcome.OPEN, seconds=1.02), 5.0)
    denied, opened = tries_of(DENY, answer(Outcome.OPEN, seconds=1.02), 5.0)

    assert (first.at, first.saw) == (5.0, GapKind.CLOSED)
    assert second.saw is None
    assert second.at == pytest.approx(6.02)
    assert (denied.saw, opened.saw) == (None, GapKind.OPEN)


def test_a_slow_http_answer_is_no_second_syn():
    assert len(tries_of(OK, answer(Outcome.OPEN, seconds=1.5, status=200), 5.0)) == 1


def test_a_gap_lasts_to_the_first_good_try_after_it():
    (gap,) = history("...xxx....").gaps(0.0, 0.9)

    assert gap.kind is GapKind.CLOSED
    assert gap.began == pytest.approx(0.3)
    assert gap.seconds == pytest.approx(0.3)
    assert [gap.at_least, gap.at_most] == pytest.approx([0.2, 0.4])
    assert gap.over


def test_gaps_are_told_in_their_order_each_by_its_kind():
    found = history("..x..oo..").gaps(0.0, 0.8)

    assert [gap.kind for gap in found] == [GapKind.CLOSED, GapKind.OPEN]


def test_a_gap_at_the_end_is_not_over():
    (gap,) = history("...xx").gaps(0.0, 1.0)

    assert not gap.over
    assert gap.seconds == pytest.approx(0.7)


def test_a_time_without_tries_is_not_seen():
    first, last = history("..." + " " * 15 + "...").gaps(0.0, 4.0)

    assert (first.kind, first.over) == (GapKind.NOT_SEEN, True)
    assert [first.began, first.seconds] == pytest.approx([0.2, 1.6])
    assert (last.kind, last.over) == (GapKind.NOT_SEEN, False)


def test_nothing_is_invented():
    assert history("." * 100).gaps(0.0, 10.0) == ()


@pytest.mark.parametrize("seed", range(50))
def test_gaps_of_a_random_network_are_found_within_one_try(seed):
    """Outages of 0.3 s and more, tries each 0.1 s with a jitter of as much as half of it."""
    chance = random.Random(seed)
    true, at = [], chance.uniform(1.0, 2.0)
    while at < 50:
        true.append((at, at + chance.uniform(0.3, 3.0)))
        at = true[-1][1] + chance.uniform(1.0, 5.0)
    seen, now = FlowHistory(), 0.0
    while now < 60:
        down = any(a <= now < b for a, b in true)
        seen.add(*tries_of(ALLOW, answer(Outcome.TIMEOUT if down else Outcome.OPEN), now))
        now += chance.uniform(0.05, 0.15)

    gaps = seen.gaps(0.0, 60.0)

    assert len(gaps) == len(true)
    for gap, (began, ended) in zip(gaps, true, strict=True):
        assert gap.began == pytest.approx(began, abs=0.15)
        assert gap.seconds == pytest.approx(ended - began, abs=0.15)
        assert gap.at_least <= ended - began <= gap.at_most
