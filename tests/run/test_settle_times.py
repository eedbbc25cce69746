"""What the loop of a step makes of the times that its rounds' records tell."""

from __future__ import annotations

import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from npol.judge.sample import Patience
from npol.judge.settle import Settling
from npol.model.agreement import Agreement
from npol.model.expectation import Outcome, Verdict
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer, Role
from npol.model.result import Evidence, Judgement
from npol.run.rounds import Rounds
from npol.run.settle_loop import settle

AHEAD = 500.0
FATES = {Outcome.OPEN: Fate.ARRIVED, Outcome.TIMEOUT: Fate.DROPPED_BY_POLICY}
SILENT = Agreement(outcomes={Outcome.TIMEOUT})
WRONG = Judgement(verdict=Verdict.TOO_OPEN, outcome=Outcome.OPEN)
RIGHT = Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.TIMEOUT)


class Told(Rounds):
    """One flow and its judgement in each round; the last one stays."""

    def __init__(self, *judgements):
        self.step, self.asked, self.fates = "s", {"f": None}, None
        self.left = list(judgements)

    def launch(self, now):
        judgement = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        fate = PacketFate(
            fate=FATES[judgement.outcome], node="n", at=now + 0.001 + AHEAD, came=now + 0.002
        )
        answer = Answer(key="k", outcome=judgement.outcome)
        future = Future()
        future.set_result(
            SimpleNamespace(
                launched=now,
                started=now,
                finished=now + 0.003,
                judgements={"f": judgement},
                evidence={"f": (Evidence(role=Role.POD, subject="pod", answer=answer, fate=fate),)},
                remembered=False,
            )
        )
        return future


def interval(rounds, before, *, changed=True):
    now = time.monotonic()
    patience = Patience(started=now, changed_at=now if changed else None, within=9, quiet=0)
    settled = settle(rounds, Settling({"f": before}, patience, {"f": SILENT}), print)
    return settled["f"].enforced_between


def test_a_flow_that_closes_is_told_with_the_probes_on_both_sides():
    found = interval(Told(WRONG, RIGHT), (Outcome.OPEN, 0))

    assert 0 <= found.after < found.until
    assert found.until - found.after > 0.15  # rounds start farther apart than that
    assert found.clock_error == pytest.approx(0.001, abs=0.0005)


def test_a_flow_that_was_closed_before_has_no_time_of_its_own():
    assert interval(Told(RIGHT), (Outcome.TIMEOUT, 0)) is None


def test_a_step_without_a_change_has_no_time():
    assert interval(Told(RIGHT), (Outcome.OPEN, 0), changed=False) is None
