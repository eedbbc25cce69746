import errno
from dataclasses import replace

import pytest

from npol.judge.fresh_tries import ends_to_ask, fresh_start, is_conclusive
from npol.model.expectation import Outcome, parse_expectation
from npol.model.fresh_start import FreshEnd
from npol.model.fresh_try import LoggedTry
from npol.model.gap import GapKind
from npol.model.probe import Probe, ProbeKind, Role
from npol.report.fresh_words import start_words

START = 1000.0
REFUSED = errno.ECONNREFUSED


def tries(*codes, first=0.04, every=0.02, index=0):
    """A try every 20 ms; each code stands for the tries in a row that had it, `(code, times)`."""
    flat = [code for code, times in codes for _ in range(times)]
    return [
        LoggedTry(
            number=number,
            index=index,
            began=START + first + number * every,
            ended=START + first + number * every + 0.001,
            code=code,
        )
        for number, code in enumerate(flat)
    ]


def measured(found, word="deny", *, end=FreshEnd.SOURCE, denial=(), budget=None, indices=(0,)):
    return fresh_start(
        found,
        parse_expectation(word),
        end=end,
        pod="shop/npol-1",
        started=START,
        indices=indices,
        denial=denial,
        budget=budget,
    )


@pytest.mark.parametrize(
    ("found", "word", "said"),
    [
        pytest.param(
            tries((None, 30)),
            "deny",
            "closed from the first try on, 40 ms after its start",
            id="closed",
        ),
        pytest.param(
            tries((0, 90), (None, 30)),
            "deny",
            "first answer 41 ms after its start, open for 1.8 s before the policy held",
            id="a-leak",
        ),
        pytest.param(
            tries((0, 5), (None, 5), (0, 5), (None, 5)),
            "deny",
            "first answer 41 ms after its start, open for 200 ms in 2 times before the policy held",
            id="two-leaks",
        ),
        pytest.param(
            tries((0, 50)),
            "deny",
            "first answer 41 ms after its start, open for 980 ms and at the last try still",
            id="never-closed",
        ),
        pytest.param(
            tries((REFUSED, 5), (None, 5)),
            "deny",
            "closed from the first try on, 40 ms after its start, open for 100 ms before the policy"
            " held",
            id="what-refuses-was-reached",
        ),
        pytest.param(
            tries((None, 10), (0, 5)),
            "allow",
            "first answer 241 ms after its start, closed for 200 ms",
            id="late",
        ),
        pytest.param(tries((None, 10)), "allow", "no answer to 10 tries", id="never-open"),
        pytest.param(
            tries((errno.EADDRNOTAVAIL, 5), (0, 5)),
            "allow",
            "first answer 141 ms after its start",
            id="what-its-system-lacks-is-no-try",
        ),
    ],
)
def test_the_first_seconds_of_a_source_are_told(found, word, said):
    start = measured(found, word)

    assert start_words(start) == said


def test_a_refusal_is_a_denial_where_the_network_plugin_denies_so():
    start = measured(tries((REFUSED, 5)), denial=(Outcome.REFUSED,))

    assert start.leaks == ()


def test_the_time_before_a_target_was_asked_is_not_seen():
    late = measured(tries((0, 5), (None, 5), first=1.2), end=FreshEnd.TARGET)
    early = measured(tries((REFUSED, 5), (None, 5), first=-0.09), end=FreshEnd.TARGET)

    assert start_words(late).startswith("not seen for 1.2 s after its start, first answer 1.2 s")
    assert early.leaks == (), "what refused it did not listen yet"
    assert early.unseen == 0


@pytest.mark.parametrize(
    ("budget", "over"), [(None, False), (0.0, True), (0.05, True), (0.2, False)]
)
def test_a_budget_is_for_the_sum_of_its_leaks(budget, over):
    start = measured(tries((0, 5), (None, 5)), budget=budget)

    assert start.over_budget is over


def paused(seconds, first=0.04):
    """Closed at all tries, between two of which nobody asked for so long."""
    early, late = tries((None, 5), first=first), tries((None, 5), first=first + 0.08 + seconds)
    return [*early, *(replace(t, number=t.number + 5) for t in late)]


LATE = tries((None, 50), first=8.0)
ASKED_BEFORE = [*tries((REFUSED, 1), first=-0.09), *(replace(t, number=9 + t.number) for t in LATE)]


@pytest.mark.parametrize(
    ("found", "end", "not_seen"),
    [
        pytest.param(tries((None, 9)), FreshEnd.SOURCE, 0.0, id="a-source-at-once"),
        pytest.param(tries((None, 9), first=0.9), FreshEnd.SOURCE, 0.0, id="a-slow-start"),
        pytest.param(LATE, FreshEnd.SOURCE, 8.0, id="a-source-that-did-not-run"),
        pytest.param(tries((None, 9), first=1.9), FreshEnd.TARGET, 0.0, id="a-target-told-soon"),
        pytest.param(LATE, FreshEnd.TARGET, 8.0, id="a-target-told-late"),
        pytest.param(ASKED_BEFORE, FreshEnd.TARGET, 8.0, id="asked-before-it-answered-and-late"),
        pytest.param(paused(0.9), FreshEnd.SOURCE, 0.0, id="a-short-pause"),
        pytest.param(paused(8.0), FreshEnd.SOURCE, 8.0, id="a-pause"),
        pytest.param(paused(3.0, first=4.0), FreshEnd.TARGET, 7.0, id="both"),
    ],
)
def test_a_budget_is_not_kept_in_a_time_that_nobody_saw(found, end, not_seen):
    start = measured(found, end=end, budget=0.0)

    assert start.not_seen == pytest.approx(not_seen)
    assert (start.over_budget, start.may_be_over_budget) == (False, not_seen > 0)


@pytest.mark.parametrize(
    ("word", "budget", "doubted"),
    [("deny", 8.05, False), ("deny", 7.95, True), ("deny", None, False), ("allow", 0.0, False)],
)
def test_what_was_not_seen_counts_as_open_beside_the_budget_of_what_is_to_be_closed(
    word, budget, doubted
):
    assert measured(LATE, word, budget=budget).may_be_over_budget is doubted


@pytest.mark.parametrize(
    ("first", "again", "leaked", "not_seen"),
    [
        pytest.param(0, None, 3.0, 0.0, id="open-until-then-for-all-that-is-known"),
        pytest.param(None, 0, 0.1, 3.0, id="open-since-then-or-before"),
    ],
)
def test_a_time_beside_a_leak_counts_once(first, again, leaked, not_seen):
    found = [*tries((first, 1)), *tries((again, 5), (None, 5), first=3.04)]

    start = measured([replace(t, number=n) for n, t in enumerate(found)], budget=0.0)

    assert start.leaked == pytest.approx(leaked)
    assert start.not_seen == pytest.approx(not_seen)


def test_a_round_without_one_of_the_addresses_tells_only_what_is_wrong():
    ours = tries((errno.EADDRNOTAVAIL, 100), (None, 9), index=1)

    assert measured([*tries((None, 109)), *ours], indices=(0, 1)).first_try > 2
    assert measured([*tries((0, 109)), *ours], indices=(0, 1)).first_try < 1
    never = tries((errno.EADDRNOTAVAIL, 9), index=1)
    assert measured([*tries((None, 9)), *never], indices=(0, 1)).first_try < 1


def test_one_open_address_is_a_leak_and_one_closed_address_is_not_an_answer():
    both = [*tries((None, 5), index=0), *tries((0, 5), index=1)]

    assert measured(both, indices=(0, 1)).leaked > 0
    assert measured(both).leaks == ()
    (gap,) = measured(both, "allow", indices=(0, 1)).gaps
    assert gap.kind is GapKind.CLOSED


def test_a_leak_without_an_end_is_not_told_yet():
    deny = parse_expectation("deny")

    assert not is_conclusive(measured(tries((0, 5))), deny)
    assert is_conclusive(measured(tries((0, 5), (None, 1))), deny)
    assert is_conclusive(measured(tries((0, 5)), "allow"), parse_expectation("allow"))
    assert not is_conclusive(measured([]), deny)


def test_a_deny_is_asked_everywhere_and_an_allow_as_an_application_asks():
    def probe(role, address):
        return Probe(
            key=address, kind=ProbeKind.CONNECT, role=role, subject="", address=address, port=80
        )

    probes = [
        probe(Role.SERVICE, "10.96.0.1"),
        probe(Role.POD, "10.244.0.1"),
        probe(Role.POD, "10.244.0.2"),
        probe(Role.NAME, ""),
    ]

    assert len(ends_to_ask(probes, closed=True)) == 3
    assert ends_to_ask(probes, closed=False) == (("10.96.0.1", 80),)
