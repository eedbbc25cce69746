"""What a step logs: its rounds, and what it waits for."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from types import SimpleNamespace

from npol.judge.sample import Patience
from npol.judge.settle import Settling
from npol.model.expectation import Outcome, Verdict
from npol.model.result import Judgement
from npol.run.rounds import Rounds
from npol.run.settle_loop import settle

OPEN = Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.OPEN)


class Answered(Rounds):
    """One flow that is open, answered at once."""

    def __init__(self):
        self.step, self.asked, self.fates = "open", {"f": None}, None

    def launch(self, now):
        future = Future()
        seen = SimpleNamespace(
            launched=now,
            started=now,
            finished=now + 0.01,
            judgements={"f": OPEN},
            evidence={"f": ()},
            remembered=False,
        )
        future.set_result(seen)
        return future


def test_a_round_is_logged_with_step_number_flows_and_how_many_are_final(caplog):
    caplog.set_level(logging.INFO, logger="npol.run")
    patience = Patience(started=time.monotonic(), changed_at=None, within=9, quiet=0, stable=2)

    settle(Answered(), Settling({"f": None}, patience), print)

    first, *_, last = caplog.messages
    assert first.startswith("step 'open', round 1: 1 flows asked in 10 ms, 0 final, ")
    assert last.startswith(f"step 'open', round {len(caplog.messages)}: ")
    assert "1 final" in last
    assert last.endswith(" of 9 s")
