"""From the tries of a flow to the times in which it was not as expected."""

import random
from dataclasses import replace

import pytest

from npol.judge.gaps import FlowHistory
from npol.judge.tries import Try, try_of
from npol.judge.watched_probes import telling_try
from npol.model.expectation import Outcome, parse_expectation
from npol.model.gap import GapKind
from npol.model.probe import Answer
from npol.probe.command import Ended
from npol.probe.cpu_starvation import lateness

ALLOW, DENY, OK = map(parse_expectation, ("allow", "deny", "http 200"))
NO_NAME = parse_expectation("dns negative")


def answer(outcome, seconds=0.01, **rest):
    return Answer(key="k", outcome=outcome, seconds=seconds, **rest)


def history(states, every=0.1):
    """`.` as expected, `x` closed, `o` open, `?` doubted, ` ` no try: one each 0.1 s."""
    kinds = {".": None, "x": GapKind.CLOSED, "o": GapKind.OPEN, "?": GapKind.NOT_SEEN}
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
        pytest.param(DENY, answer(Outcome.DNS_NEGATIVE), GapKind.OPEN, id="denied-and-told-no"),
        pytest.param(NO_NAME, answer(Outcome.DNS_NEGATIVE), None, id="no-name-and-told-no"),
        pytest.param(OK, answer(Outcome.OPEN, status=200), None, id="the-status"),
        pytest.param(OK, answer(Outcome.OPEN, status=503), GapKind.WRONG_ANSWER, id="another"),
        pytest.param(OK, answer(Outcome.TIMEOUT), GapKind.CLOSED, id="no-status"),
    ],
)
def test_a_try_is_as_expected_or_not(expected, answered, saw):
    one = try_of(expected, answered, 5.0)

    assert (one.at, one.saw) == (5.0, saw)


def test_a_probe_that_did_not_run_has_seen_nothing():
    assert try_of(ALLOW, answer(Outcome.ERROR), 5.0) is None


@pytest.mark.parametrize("expected", [ALLOW, DENY, OK], ids=str)
@pytest.mark.parametrize("seconds", [0.95, 1.4, 5.0])
def test_an_answer_that_came_late_through_a_busy_machine_was_no_closed_instant(expected, seconds):
    """Its SYN was not sent twice: nothing waits long enough for that."""
    status = 200 if expected is OK else 0

    saw = try_of(expected, answer(Outcome.OPEN, seconds=seconds, late=seconds, status=status), 5.0)

    assert saw.saw is (GapKind.OPEN if expected is DENY else None)
    assert saw.told_at == 5.0 + (0.0 if expected is DENY else seconds)


BUSY = [
    pytest.param(answer(Outcome.TIMEOUT, late=0.21), id="late"),
    pytest.param(answer(Outcome.DNS_TIMEOUT, late=0.5), id="late-look-up"),
    pytest.param(answer(Outcome.ERROR, starved=True, late=0.5), id="starved"),
]


@pytest.mark.parametrize("answered", BUSY)
def test_silence_at_a_source_that_was_late_is_no_closed_network(answered):
    assert try_of(ALLOW, answered, 5.0).saw is GapKind.NOT_SEEN
    assert try_of(DENY, answered, 5.0) is None


def test_a_server_that_says_nothing_to_a_source_that_was_late_is_not_seen():
    busy = answer(Outcome.OPEN, seconds=3.4, late=0.4)

    assert try_of(OK, busy, 5.0).saw is GapKind.NOT_SEEN
    assert try_of(OK, replace(busy, late=0.1), 5.0).saw is GapKind.WRONG_ANSWER


def test_a_refusal_is_an_answer_however_late_it_came():
    assert try_of(ALLOW, answer(Outcome.REFUSED, late=3.0), 5.0).saw is GapKind.CLOSED


def test_a_doubt_between_good_tries_is_not_seen_however_short():
    (gap,) = history("...??...").gaps(0.0, 0.7)

    assert gap.kind is GapKind.NOT_SEEN
    assert [gap.began, gap.seconds] == pytest.approx([0.2, 0.3])
    assert gap.over


def test_a_doubt_beside_a_closed_try_is_within_the_gap_s_bounds():
    (gap,) = history("..?xx?..").gaps(0.0, 0.7)

    assert gap.kind is GapKind.CLOSED
    assert [gap.at_least, gap.seconds, gap.at_most] == pytest.approx([0.1, 0.3, 0.5])


def test_doubts_are_no_tries_and_to_the_end_they_are_not_over():
    seen = history("..??")

    (gap,) = seen.gaps(0.0, 0.5)

    assert (gap.kind, gap.over) == (GapKind.NOT_SEEN, False)
    assert (seen.tries, seen.state) == (2, None)


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
        seen.add(try_of(ALLOW, answer(Outcome.TIMEOUT if down else Outcome.OPEN), now))
        now += chance.uniform(0.05, 0.15)

    gaps = seen.gaps(0.0, 60.0)

    assert len(gaps) == len(true)
    for gap, (began, ended) in zip(gaps, true, strict=True):
        assert gap.began == pytest.approx(began, abs=0.15)
        assert gap.seconds == pytest.approx(ended - began, abs=0.15)
        assert gap.at_least <= ended - began <= gap.at_most


def windows(chance, *, longest):
    """Times of 0.1 s and more within 60 s, far enough from each other to be told apart."""
    found, at = [], chance.uniform(1.0, 2.0)
    while at < 50:
        found.append((at, at + chance.uniform(0.1, longest)))
        at = found[-1][1] + chance.uniform(2.0, 5.0)
    return found


class BusySource:
    """Asks by a process each, which `timeout` ends; none of them runs while the machine is busy."""

    def __init__(self, busy, closed):
        self._busy = busy
        self._closed = closed

    def runs(self, at):
        """When what is ready at an instant gets the processor."""
        return next((end for begin, end in self._busy if begin <= at < end), at)

    def ask(self, asked):
        began = self.runs(asked)
        sent = self.runs(began + 0.005)
        seen = self.runs(sent + 0.001)
        control = Ended(exit_code=0, words="", asked=asked, ended=self.runs(began + 0.002))
        lost = any(begin <= sent < end for begin, end in self._closed)
        silent = lost or seen >= self.runs(began + 0.9)
        ended = Ended(
            exit_code=0,
            words="",
            asked=asked,
            began=began,
            ended=self.runs(began + 0.9) if silent else seen,
        )
        outcome = Outcome.TIMEOUT if silent else Outcome.OPEN
        return answer(outcome, seconds=ended.seconds, late=lateness(0.9, ended, control))

    def history(self):
        seen = FlowHistory()
        for number in range(600):
            if told := try_of(ALLOW, self.ask(number / 10), number / 10):
                seen.add(told)
        return seen.gaps(0.0, 60.0)


@pytest.mark.parametrize("seed", range(5))
def test_no_network_is_closed_by_a_busy_source(seed):
    busy = windows(random.Random(seed), longest=2.5)

    found = BusySource(busy, closed=()).history()

    assert {gap.kind for gap in found} <= {GapKind.NOT_SEEN}
    for begin, end in busy:
        told = any(g.began <= begin + 0.2 and end - 0.3 < g.began + g.seconds for g in found)
        assert told or end - begin < 1.4


@pytest.mark.parametrize("seed", range(5))
def test_a_closed_network_is_found_beside_busy_times(seed):
    chance = random.Random(seed)
    closed = [(a, max(b, a + 0.3)) for a, b in windows(chance, longest=2.0)]
    busy = windows(chance, longest=1.4)

    found = BusySource(busy, closed).history()

    for gap in found:
        real = [a for a, b in closed if a - 0.3 < gap.began + gap.seconds and gap.began < b + 0.3]
        assert real or gap.kind is GapKind.NOT_SEEN
    for begin, end in closed:
        told = [g for g in found if g.began < end + 0.1 and begin - 0.1 < g.began + g.seconds]
        undisturbed = all(b < begin - 1.0 or end + 1.0 < a for a, b in busy)
        assert not undisturbed or [g.kind for g in told] == [GapKind.CLOSED]
        assert told or any(a < end and begin < b for a, b in busy)


def test_silence_in_the_midst_of_a_long_stall_is_no_closed_network():
    seen = FlowHistory()
    stalled, silent = Try(10.0, None, late=5.0), Try(12.0, GapKind.CLOSED, silent=True)
    seen.add(Try(9.0, None), stalled, silent, Try(16.0, None))

    assert {gap.kind for gap in seen.gaps(9.0, 16.0)} == {GapKind.NOT_SEEN}


SAW = {
    "as expected": answer(Outcome.TIMEOUT),
    "open": answer(Outcome.OPEN),
    "error": answer(Outcome.ERROR),
    "starved": answer(Outcome.ERROR, starved=True, late=0.5),
    "late": answer(Outcome.TIMEOUT, late=0.5),
}


@pytest.mark.parametrize(
    ("answers", "saw"),
    [
        pytest.param(["as expected", "as expected"], [None], id="all-as-expected"),
        pytest.param(["as expected", "open"], [GapKind.OPEN], id="one-is-open"),
        pytest.param(["as expected", "error"], [], id="one-did-not-run"),
        pytest.param(["as expected", "starved"], [], id="one-is-starved"),
        pytest.param(["late", "as expected"], [], id="one-is-late"),
        pytest.param(["error", "open", "starved"], [GapKind.OPEN], id="open-whoever-is-silent"),
        pytest.param([], [], id="nobody-was-asked"),
    ],
)
def test_a_round_of_a_deny_tells_what_its_worst_answer_does(answers, saw):
    told = telling_try(DENY, [SAW[one] for one in answers], 5.0)

    assert [one.saw for one in (told,) if one] == saw


def test_a_doubt_stays_one_beside_an_answer_that_tells_nothing():
    told = telling_try(ALLOW, [SAW["starved"], SAW["error"], SAW["open"]], 5.0)

    assert told.saw is GapKind.NOT_SEEN
