"""Settling: when answers are final. Time is a number that the tests choose."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.judge.flow_track import Track
from npol.judge.sample import Patience, Sample
from npol.judge.settle import Settling
from npol.judge.witnesses import agreeing
from npol.model.agreement import Agreement
from npol.model.expectation import Outcome, Verdict
from npol.model.prediction import PredictedDecision
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Judgement, Witnesses
from tests.examples import examples

AS, OPEN = Verdict.AS_EXPECTED, Verdict.TOO_OPEN


def judged(verdict, outcome=Outcome.TIMEOUT, words="", subject=""):
    reason = Reason(code=ReasonCode.PROBE_FAILED, subject=subject, said=words) if words else None
    return Judgement(verdict=verdict, outcome=outcome, reason=reason)


DENIED, STILL_OPEN = judged(AS), judged(OPEN, Outcome.OPEN)
ARRIVES = Agreement(outcomes={Outcome.OPEN, Outcome.REFUSED})
SILENT = Agreement(outcomes={Outcome.TIMEOUT})
BROKEN = judged(Verdict.UNKNOWN, Outcome.ERROR, "the probe did not run")


def settling(
    *, before=None, changed_at=0.0, within=30.0, quiet=1.0, stable=2, predicted=None, trust=False
):
    patience = Patience(
        started=0.0, changed_at=changed_at, within=within, quiet=quiet, stable=stable
    )
    return Settling({"f": before}, patience, {"f": predicted}, trust_packets=trust)


def feed(machine, *rounds):
    """Rounds as (started, judgement), each over after a moment."""
    for started, judgement in rounds:
        machine.launch(started)
        machine.record(started, started + 0.05, {"f": judgement})


def test_one_match_is_not_enough():
    machine = settling(changed_at=None)

    feed(machine, (0.0, DENIED))
    assert not machine.done(0.1)
    feed(machine, (0.2, DENIED))
    assert machine.done(0.3)


@pytest.mark.parametrize(("changed_at", "until"), [(None, 10.0), (0.0, 1.0)])
def test_a_server_that_refuses_while_it_starts_is_waited_for(changed_at, until):
    """Where a step changes a policy, the ends were there before it."""
    machine = settling(changed_at=changed_at, predicted=ARRIVES)
    refused = judged(Verdict.TOO_CLOSED, Outcome.REFUSED)

    feed(machine, *((until - t, refused) for t in (0.9, 0.6, 0.3)))
    assert not machine.done(until)
    feed(machine, (until, refused), (until + 0.2, refused))
    assert machine.done(until + 0.3)


def test_an_old_answer_is_not_taken_for_a_new_one():
    """The expectation equals the state before the step: only samples after quiet count."""
    machine = settling(before=(Outcome.TIMEOUT, 0), quiet=1.0)

    feed(machine, (0.0, DENIED), (0.2, DENIED), (0.9, DENIED))
    assert not machine.done(0.95)
    feed(machine, (1.0, DENIED), (1.2, DENIED))
    assert machine.done(1.3)


def test_a_cluster_that_enforces_late_is_caught_within_its_quiet_time():
    machine = settling(before=(Outcome.OPEN, 0), quiet=5.0)
    allowed = judged(AS, Outcome.OPEN)

    feed(machine, (0.0, allowed), (1.0, allowed), (2.9, allowed))
    assert not machine.done(3.0)
    feed(machine, (3.1, judged(Verdict.TOO_CLOSED)), (3.3, judged(Verdict.TOO_CLOSED)))
    assert not machine.done(30.0)
    feed(machine, (5.1, judged(Verdict.TOO_CLOSED)))
    assert not machine.done(5.5)
    assert machine.done(30.0)
    assert machine.results()["f"].judgement.verdict is Verdict.TOO_CLOSED


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(judged(Verdict.UNKNOWN, Outcome.ERROR, "starved"), id="did-not-run"),
        pytest.param(judged(Verdict.TOO_CLOSED), id="lost"),
    ],
)
def test_an_old_answer_that_comes_back_is_no_visible_change(between):
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0)
    allowed = judged(AS, Outcome.OPEN)

    feed(machine, (0.0, between), (0.5, allowed), (0.7, allowed))
    assert not machine.done(0.9)


def test_a_visible_change_needs_no_quiet_time():
    """It has the prediction for its witness: a plugin that drops for a moment is no denial."""
    machine = settling(before=(Outcome.OPEN, 0), quiet=5.0, predicted=SILENT)

    feed(machine, (0.0, STILL_OPEN), (0.2, DENIED), (0.4, DENIED))

    assert machine.done(0.5)
    assert machine.results()["f"].enforced_after == 0.0


def test_a_visible_change_that_nothing_predicts_waits_for_the_quiet_time():
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0)

    feed(machine, (0.0, STILL_OPEN), (0.2, DENIED), (0.4, DENIED))
    assert not machine.done(0.5)

    feed(machine, (1.0, DENIED), (1.2, DENIED))
    assert machine.done(1.3)


def test_a_mismatch_is_final_only_at_the_deadline():
    machine = settling(within=10.0)

    feed(machine, *((float(t), STILL_OPEN) for t in range(10)))

    assert not machine.done(9.9)
    assert machine.done(10.0)
    assert machine.results()["f"].judgement.verdict is OPEN


def test_time_to_enforce_is_the_last_wrong_outcome():
    machine = settling(before=(Outcome.OPEN, 0))

    feed(machine, (0.1, STILL_OPEN), (0.7, STILL_OPEN), (0.9, DENIED), (1.1, DENIED))

    assert machine.results()["f"].enforced_after == pytest.approx(0.7)


def test_answers_that_come_and_go_are_flapping():
    machine = settling(within=3.0)
    feed(machine, *((t * 0.3, DENIED if t % 2 else STILL_OPEN) for t in range(9)))
    feed(machine, (2.8, DENIED), (2.9, DENIED))

    assert machine.results()["f"].judgement.verdict is Verdict.FLAPPING


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(judged(Verdict.UNKNOWN, Outcome.ERROR, "starved"), id="did-not-run"),
        pytest.param(judged(Verdict.UNKNOWN, Outcome.TIMEOUT, "no control"), id="no-control"),
    ],
)
def test_trouble_that_comes_and_goes_is_no_flapping(between):
    """A starved source: what its probes saw is the same all the time, where they ran."""
    machine = settling(changed_at=None)
    feed(machine, *((t * 0.3, DENIED if t % 2 else between) for t in range(9)))
    feed(machine, (2.8, DENIED), (2.9, DENIED))

    assert machine.done(3.0)
    assert machine.results()["f"].judgement.verdict is AS


def test_answers_of_samples_that_overlap_have_no_order():
    """One short silence, met by two samples of which the first began before an answered one."""
    machine = settling(predicted=Agreement(outcomes={Outcome.OPEN}))
    opened, silent = judged(AS, Outcome.OPEN), judged(Verdict.TOO_CLOSED)
    seen = [(2.1, 0.05, opened), (2.3, 0.5, silent), (2.4, 0.05, opened), (2.6, 0.5, silent)]
    for started, seconds, judgement in (*seen, (2.7, 0.05, opened), (3.2, 0.05, opened)):
        machine.record(started, started + seconds, {"f": judgement})

    assert machine.results()["f"].judgement.verdict is Verdict.AS_EXPECTED


def test_a_refusal_that_comes_and_goes_is_flapping():
    """It proves nothing, and it is another answer all the same."""
    machine = settling(changed_at=None)
    refused = judged(Verdict.UNKNOWN, Outcome.REFUSED, "nothing listens")
    feed(machine, *((t * 0.3, DENIED if t % 2 else refused) for t in range(9)))
    feed(machine, (2.8, DENIED), (2.9, DENIED))

    assert machine.results()["f"].judgement.verdict is Verdict.FLAPPING


def test_samples_count_in_the_order_in_which_they_started():
    """A blocked probe ends 2 s after it began, an open one at once: the end orders nothing."""
    machine = settling(before=(Outcome.OPEN, 0), quiet=0.0)
    machine.launch(0.0)
    machine.launch(0.2)
    machine.record(0.2, 0.25, {"f": STILL_OPEN})
    machine.record(0.0, 2.0, {"f": DENIED})

    assert not machine.done(2.1)
    assert machine.results()["f"].judgement.verdict is OPEN


def test_trouble_that_stays_the_same_is_given_up():
    machine = settling(changed_at=None)
    broken = judged(Verdict.UNKNOWN, Outcome.ERROR, "no nc in the image")

    feed(machine, (0.0, broken), (0.5, broken), (1.0, broken))
    assert not machine.done(1.1)
    feed(machine, (2.0, broken), (3.1, broken))
    assert machine.done(3.2)


def test_a_silence_without_its_controls_is_waited_for():
    """Its target hangs, and is back before the deadline."""
    machine = settling(before=(Outcome.OPEN, 0))
    unproven = judged(Verdict.UNKNOWN, Outcome.TIMEOUT, "nothing shows that it is alive")

    feed(machine, *((n, unproven) for n in range(10)))
    assert not machine.done(10.0)
    feed(machine, (10.0, DENIED), (10.2, DENIED))
    assert machine.done(10.3)
    assert machine.results()["f"].judgement.verdict is AS


def test_same_trouble_in_other_words_is_given_up():
    machine = settling(changed_at=None)
    feed(
        machine,
        *((n, judged(Verdict.UNKNOWN, Outcome.ERROR, f"exec ended after {n} s")) for n in range(4)),
    )

    assert machine.done(3.1)


def test_trouble_that_moves_from_end_to_end_is_not_given_up():
    machine = settling(changed_at=None)
    feed(
        machine,
        *((n, judged(Verdict.UNKNOWN, Outcome.ERROR, "no exec", f"pod {n}")) for n in range(4)),
    )

    assert not machine.done(3.1)


def test_trouble_that_is_told_at_once_is_given_up_as_soon():
    machine = settling(changed_at=None)
    nowhere = judged(Verdict.UNKNOWN, Outcome.ERROR, "Service shop/db does not exist")

    feed(machine, *((n / 5, nowhere) for n in range(10)))
    assert not machine.done(1.9)
    feed(machine, (2.1, nowhere))
    assert machine.done(2.2)


def test_trouble_of_which_each_sample_took_long_is_not_given_up_at_once():
    """A source that stands still twice for half a second: a probe that met both ends in between."""
    machine = settling(changed_at=None)
    for started, finished in ((0.0, 2.0), (0.2, 2.2), (2.0, 2.1)):
        machine.launch(started)
        machine.record(started, finished, {"f": BROKEN})

    assert not machine.done(2.2)


def test_trouble_right_after_a_change_may_pass():
    machine = settling(changed_at=0.0, quiet=5.0)
    broken = judged(Verdict.UNKNOWN, Outcome.ERROR, "exec broke")

    feed(machine, *((n / 2, broken) for n in range(13)))
    assert not machine.done(6.1)
    feed(machine, (6.5, broken), (7.1, broken))
    assert machine.done(7.2)


def test_one_slow_flow_keeps_all_of_them_under_watch():
    patience = Patience(started=0.0, changed_at=None, within=30.0, quiet=0.0)
    machine = Settling({"fast": None, "slow": None}, patience)
    for started, slow in ((0.0, STILL_OPEN), (0.2, STILL_OPEN), (0.4, DENIED)):
        machine.launch(started)
        machine.record(started, started + 0.1, {"fast": DENIED, "slow": slow})

    assert not machine.done(0.5)
    assert machine.waiting() == ()


@pytest.mark.parametrize(
    ("launched", "now", "may"),
    [
        pytest.param([], 0.0, True, id="at-once"),
        pytest.param([0.0], 0.5, True, id="two-overlap-before-quiet"),
        pytest.param([0.0, 0.2], 0.5, False, id="no-more-than-two-before-quiet"),
        pytest.param([0.0], 1.0, True, id="again-at-quiet"),
        pytest.param([0.0, 1.0], 1.1, False, id="not-closer-than-the-stagger"),
        pytest.param([0.0, 1.0], 1.2, True, id="two-overlap"),
        pytest.param([0.0, 1.0, 1.2], 1.5, False, id="no-more-than-two"),
    ],
)
def test_rounds_overlap_in_pairs(launched, now, may):
    machine = settling(quiet=1.0)
    for started in launched:
        machine.launch(started)

    assert machine.may_launch(now) is may


@pytest.mark.parametrize("code", [ReasonCode.TARGET_SILENT, ReasonCode.NAME_SERVER_SILENT])
def test_a_target_that_is_silent_now_and_then_is_no_network_that_changes(code):
    silent = Judgement(
        verdict=Verdict.UNKNOWN, outcome=Outcome.DNS_TIMEOUT, reason=Reason(code=code)
    )
    opened = judged(AS, Outcome.OPEN)
    machine = settling(changed_at=None)
    answers = [opened, silent, opened, silent, opened, opened]
    feed(machine, *((float(n), answer) for n, answer in enumerate(answers)))

    assert machine.results()["f"].judgement.verdict is AS


def test_no_round_is_started_that_those_under_way_may_spare():
    machine = settling(changed_at=None)
    machine.launch(0.0)
    machine.launch(0.2)
    machine.record(0.0, 0.3, {"f": DENIED})

    assert not machine.may_launch(0.5)
    machine.record(0.2, 0.6, {"f": STILL_OPEN})
    assert machine.may_launch(0.6)


def test_a_wrong_answer_needs_more_than_the_round_under_way():
    machine = settling(changed_at=None)
    machine.launch(0.0)
    machine.launch(0.2)
    machine.record(0.0, 0.3, {"f": STILL_OPEN})

    assert machine.may_launch(0.5)


@pytest.mark.parametrize(
    ("before", "predicted", "may"),
    [
        pytest.param((Outcome.OPEN, 0), SILENT, False, id="what-is-to-change-waits-for-them"),
        pytest.param((Outcome.TIMEOUT, 0), SILENT, True, id="what-stays-needs-later-ones"),
        pytest.param(None, SILENT, True, id="not-known-what-was-before"),
        pytest.param((Outcome.OPEN, 200), ARRIVES, True, id="what-stays-open-has-a-status"),
        pytest.param((Outcome.OPEN, 0), None, True, id="no-prediction"),
    ],
)
def test_early_rounds_under_way_may_be_the_last_where_a_change_is_foretold(before, predicted, may):
    machine = settling(before=before, predicted=predicted, quiet=0.3)
    machine.launch(0.0)
    machine.launch(0.2)

    assert machine.may_launch(0.4) is may


def test_early_rounds_that_saw_no_change_are_followed_by_later_ones():
    machine = settling(before=(Outcome.OPEN, 0), predicted=SILENT, quiet=0.3)
    machine.launch(0.0)
    machine.launch(0.2)
    machine.record(0.0, 0.5, {"f": STILL_OPEN})
    assert not machine.may_launch(0.5)
    machine.record(0.2, 0.6, {"f": STILL_OPEN})

    assert machine.may_launch(0.6)


# -- two witnesses: packets and prediction

ALLOWED, NO_LONGER = judged(AS, Outcome.OPEN), judged(Verdict.TOO_CLOSED, Outcome.TIMEOUT)
OPENS, CLOSES = (
    agreeing(PredictedDecision.ALLOW, {Outcome.TIMEOUT}),
    agreeing(PredictedDecision.DENY, {Outcome.TIMEOUT}),
)


def test_mismatch_that_prediction_confirms_is_final_after_the_quiet_time():
    machine = settling(before=(Outcome.TIMEOUT, 0), quiet=1.0, predicted=CLOSES)

    feed(machine, (0.0, NO_LONGER), (0.9, NO_LONGER))
    assert not machine.done(1.0)
    feed(machine, (1.0, NO_LONGER), (1.2, NO_LONGER))

    assert machine.done(1.3)
    settled = machine.results()["f"]
    assert settled.judgement.verdict is Verdict.TOO_CLOSED
    assert settled.witnesses is Witnesses.AGREE


def test_match_against_the_prediction_is_not_final_before_the_deadline():
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0, predicted=CLOSES)

    feed(machine, *((float(t), ALLOWED) for t in range(30)))
    assert not machine.done(29.9)

    assert machine.done(30.0)
    settled = machine.results()["f"]
    assert settled.judgement.verdict is Verdict.UNKNOWN
    assert settled.witnesses is Witnesses.DIFFER


def test_late_enforcement_after_the_quiet_time_does_not_pass_on_old_answers():
    """A deny-all takes 3 s to bite, the story expects `allow`, the quiet time is 1 s."""
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0, predicted=CLOSES)

    feed(machine, (0.0, ALLOWED), (1.0, ALLOWED), (2.0, ALLOWED), (3.0, NO_LONGER))
    assert not machine.done(3.1)
    feed(machine, (3.2, NO_LONGER))

    assert machine.done(3.3)
    assert machine.results()["f"].judgement.verdict is Verdict.TOO_CLOSED


def test_story_that_trusts_packets_passes_against_the_prediction_and_says_so():
    machine = settling(before=(Outcome.OPEN, 0), within=3.0, predicted=CLOSES, trust=True)

    feed(machine, *((float(t), ALLOWED) for t in range(3)))
    assert not machine.done(2.9)

    settled = machine.results()["f"]
    assert machine.done(3.0)
    assert (settled.judgement.verdict, settled.witnesses) == (AS, Witnesses.DIFFER)


def test_match_without_a_prediction_settles_on_packets_alone():
    machine = settling(changed_at=None)

    feed(machine, (0.0, ALLOWED), (0.2, ALLOWED))

    assert machine.done(0.3)
    assert machine.results()["f"].witnesses is Witnesses.PACKETS_ONLY


def test_trouble_is_never_final_as_agreement():
    """A silence without its controls proves nothing, whatever is predicted."""
    machine = settling(changed_at=None, predicted=CLOSES)
    unproven = judged(Verdict.UNKNOWN, Outcome.TIMEOUT, "nothing shows that it is alive")

    feed(machine, (0.0, unproven), (0.2, unproven))

    assert not machine.done(0.3)


@pytest.mark.parametrize(
    ("outcome", "agrees_with_allow", "agrees_with_deny"),
    [
        (Outcome.OPEN, True, False),
        (Outcome.REFUSED, True, False),
        (Outcome.RESET, True, False),
        (Outcome.UNREACHABLE, True, False),
        (Outcome.DNS_NEGATIVE, True, False),
        (Outcome.TIMEOUT, False, True),
        (Outcome.DNS_TIMEOUT, False, True),
        (Outcome.ERROR, False, False),
    ],
)
def test_outcomes_agree_with_predictions(outcome, agrees_with_allow, agrees_with_deny):
    assert OPENS.holds(outcome, 0) is agrees_with_allow
    assert CLOSES.holds(outcome, 0) is agrees_with_deny


def test_plugin_that_rejects_agrees_with_deny_by_refusing():
    rejects = {Outcome.TIMEOUT, Outcome.REFUSED}

    assert agreeing(PredictedDecision.DENY, rejects).holds(Outcome.REFUSED, 0)
    assert not agreeing(PredictedDecision.ALLOW, rejects).holds(Outcome.REFUSED, 0)


STARVED = Judgement(
    verdict=Verdict.UNKNOWN,
    outcome=Outcome.ERROR,
    reason=Reason(code=ReasonCode.SOURCE_STARVED, said="the source is starved"),
)


def test_a_source_that_starves_is_asked_again_until_the_deadline():
    """Less at once may be enough: the same trouble three times is no reason to give up."""
    machine = settling(changed_at=None)

    feed(machine, *[(float(n), STARVED) for n in range(6)])
    assert not machine.done(6.0)
    feed(machine, (6.0, DENIED), (7.0, DENIED))
    assert machine.done(7.1)


def test_rounds_do_not_overlap_while_a_source_starves():
    machine = settling(changed_at=None)
    feed(machine, (0.0, STARVED))

    machine.launch(1.0)

    assert not machine.may_launch(2.0)


@pytest.mark.parametrize("first", [[], [STARVED]], ids=["slow", "starved at first"])
def test_what_was_asked_too_seldom_is_not_given_up_at_the_deadline(first):
    machine = settling(changed_at=None, within=10.0)
    rounds = [(12.0 * n, judgement) for n, judgement in enumerate([*first, DENIED])]

    feed(machine, *rounds)
    assert not machine.done(rounds[-1][0] + 0.1)
    feed(machine, (rounds[-1][0] + 1, DENIED))
    assert machine.done(rounds[-1][0] + 1.1)


def test_starving_ends_at_three_times_the_deadline():
    machine = settling(changed_at=None, within=10.0)
    feed(machine, (0.0, STARVED), (12.0, STARVED), (25.0, STARVED))

    assert not machine.done(29.9)
    assert machine.done(30.0)


def test_a_starved_sample_between_two_good_ones_takes_nothing_from_them():
    machine = settling(changed_at=None, within=30.0)

    feed(machine, (0.0, DENIED), (10.0, STARVED), (20.0, DENIED))

    assert machine.done(20.1)


def test_a_starved_sample_after_two_good_ones_takes_nothing_from_them():
    machine = settling(changed_at=None, within=30.0)

    feed(machine, (0.0, DENIED), (10.0, DENIED), (20.0, STARVED))

    assert machine.done(20.1)
    assert machine.results()["f"].judgement == DENIED


UNHEARD = judged(Verdict.UNKNOWN, Outcome.TIMEOUT, "nothing from this source arrives")


def test_silence_that_lacks_a_control_is_asked_again_after_the_deadline_where_rounds_are_slow():
    machine = settling(changed_at=None, within=30.0)
    feed(machine, (0.0, UNHEARD), (13.0, UNHEARD))

    assert not machine.done(31.0)
    feed(machine, (31.0, DENIED), (44.0, DENIED))
    assert machine.done(44.1)


def test_silence_that_lacks_a_control_is_given_up_at_the_deadline_where_rounds_are_quick():
    machine = settling(changed_at=None, within=30.0)
    feed(machine, *[(2.0 * n, UNHEARD) for n in range(15)])

    assert not machine.done(29.9)
    assert machine.done(30.0)


def test_silence_that_lacks_a_control_is_given_up_at_three_times_the_deadline():
    machine = settling(changed_at=None, within=30.0)
    feed(machine, (0.0, UNHEARD), (28.0, UNHEARD), (56.0, UNHEARD))

    assert not machine.done(89.9)
    assert machine.done(90.0)


@examples(100)
@given(st.lists(st.sampled_from([DENIED, STILL_OPEN, BROKEN]), min_size=1, max_size=12))
def test_errors_never_make_an_answer_flap(judgements):
    """Flapping needs answers of the network that contradict each other more than once."""
    answers = [j for j in judgements if j is not BROKEN]
    flaps = sum(a is DENIED and b is not DENIED for a, b in pairwise(answers)) > 1

    track = Track(before=None)
    for number, judgement in enumerate(judgements):
        track.add(Sample(number * 0.2, number * 0.2 + 0.05, judgement))

    assert track.flapped() is flaps


@pytest.mark.parametrize("predicted", [SILENT, None], ids=["predicted", "packets-only"])
def test_one_silence_at_the_deadline_is_no_match(predicted):
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0, predicted=predicted)
    feed(machine, *((2.0 * n + 1, STILL_OPEN) for n in range(14)))
    machine.launch(29.0)
    machine.record(29.0, 31.0, {"f": DENIED})

    assert not machine.done(31.0)
    result = machine.results()["f"].judgement
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None
    assert result.reason.code is ReasonCode.SEEN_ONCE

    feed(machine, (31.1, DENIED))
    assert machine.done(32.0)
    assert machine.results()["f"].judgement.verdict is Verdict.AS_EXPECTED


def test_as_many_equal_samples_are_wanted_as_the_story_says():
    machine = settling(before=(Outcome.OPEN, 0), quiet=1.0, predicted=SILENT, stable=5)
    feed(machine, *((27.0 + 0.5 * n, DENIED) for n in range(4)))

    assert not machine.done(31.0)
    assert machine.results()["f"].judgement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("trust", [True, False])
def test_a_patience_shorter_than_the_quiet_time_takes_no_old_answer(trust):
    machine = settling(before=(Outcome.OPEN, 0), quiet=5.0, within=1.0, trust=trust)
    allowed = judged(AS, Outcome.OPEN)
    feed(machine, (0.0, allowed), (0.5, allowed))

    assert not machine.done(1.0)
    assert machine.results()["f"].judgement.verdict is Verdict.UNKNOWN

    feed(machine, (5.1, DENIED), (5.3, DENIED))
    assert machine.done(5.9)


def took(seconds, outcome=Outcome.OPEN):
    return Judgement(verdict=AS, outcome=outcome, seconds=seconds)


@pytest.mark.parametrize(
    ("first", "by"),
    [
        pytest.param(took(1.1), 3.1, id="an-answer-that-came-late"),
        pytest.param(took(1.0, Outcome.TIMEOUT), 2.0, id="a-silence-from-when-it-was-asked"),
    ],
)
def test_when_enforcement_is_shown_is_told_beside_when_it_was_not_yet(first, by):
    machine = settling(before=(Outcome.OPEN, 0), quiet=0.0)
    feed(machine, (0.2, judged(Verdict.TOO_CLOSED)), (2.0, first), (4.0, first))

    result = machine.results()["f"]

    assert result.enforced_after == pytest.approx(0.2)
    assert result.enforced_by == pytest.approx(by)
