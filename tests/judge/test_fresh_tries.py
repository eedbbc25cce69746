import errno

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
