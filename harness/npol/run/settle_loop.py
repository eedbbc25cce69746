"""The loop of one step: rounds until every flow's answer is final."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace

from npol.judge.enforcement_time import EnforcementTimes, seen_packet
from npol.judge.flow_track import Settled
from npol.judge.settle import Settling
from npol.model.enforcement import EnforcementInterval
from npol.model.result import Evidence
from npol.run.rounds import RoundResult, Rounds

log = logging.getLogger(__name__)

SAY_EVERY = 0.5
"""Seconds of settling between two words on how far it is; silence looks like a hang."""

LOOK_EVERY = 3.0
"""Seconds of settling between two looks at where the flows' ends are."""

LOOK_SHARE = 10
"""The same as a multiple of what one look takes: thousands of flows have many ends."""

Say = Callable[[str], None]


def settle(
    rounds: Rounds, settling: Settling, say: Say, moved: Callable[[], bool] = lambda: False
) -> dict[str, Settled]:
    """
    Ask rounds, some of them overlapping, until all flows are final or time is up.

    While they are not, before one is given up, and where a silence counts for what was known of its
    target before, it is looked whether the ends have `moved`: then this way of asking ends.
    """
    running: set[Future[RoundResult]] = set()
    times = EnforcementTimes()
    last: RoundResult | None = None
    ended_rounds = 0
    announced = settling.patience.started + SAY_EVERY
    look_at = settling.patience.started + LOOK_EVERY
    while not settling.done(time.monotonic()) or last is None:
        if settling.may_launch(time.monotonic()):
            now = time.monotonic()
            settling.launch(now)
            running.add(rounds.launch(now))
        if not running:
            time.sleep(_nap(settling))
        ended, running = wait(running, timeout=_nap(settling), return_when=FIRST_COMPLETED)
        for future in ended:
            result = future.result()
            settling.record(result.launched, result.finished, result.judgements)
            _note_times(times, result.evidence, result.started)
            ended_rounds += 1
            _log_round(rounds, ended_rounds, result, settling)
            last = result if last is None or result.started >= last.started else last
        if time.monotonic() >= announced:
            say(_progress(rounds.step, settling))
            announced = time.monotonic() + SAY_EVERY
        if last is not None and time.monotonic() >= look_at and not settling.done(time.monotonic()):
            began = time.monotonic()
            if moved():
                break
            took = time.monotonic() - began
            look_at = time.monotonic() + max(LOOK_EVERY, LOOK_SHARE * took)
    if settling.gave_up(time.monotonic()) or last.remembered:
        moved()
    evidence = rounds.completed(last)
    _note_times(times, evidence, last.started)
    return {
        name: replace(
            one, evidence=evidence[name], enforced_between=_interval(times, settling, name)
        )
        for name, one in settling.results().items()
    }


def _interval(times: EnforcementTimes, settling: Settling, name: str) -> EnforcementInterval | None:
    """Of a flow that the step has changed: any other was the new way before, too."""
    since = settling.patience.changed_at
    if since is None or not settling.tracks[name].changed():
        return None
    return times.interval(name, since)


def _note_times(
    times: EnforcementTimes, evidence: Mapping[str, Sequence[Evidence]], began: float
) -> None:
    for name, found in evidence.items():
        packets = (seen_packet(f"{e.role} {e.subject}", e.fate, began) for e in found)
        times.note(name, [packet for packet in packets if packet])


def _log_round(rounds: Rounds, number: int, result: RoundResult, settling: Settling) -> None:
    patience = settling.patience
    log.info(
        "step %r, round %d: %d flows asked in %.0f ms, %d final, %.1f s of %.0f s",
        rounds.step,
        number,
        len(rounds.asked),
        1000 * (result.finished - result.started),
        sum(track.settled(patience) for track in settling.tracks.values()),
        result.finished - patience.started,
        patience.within,
    )


def _nap(settling: Settling) -> float:
    """Until the next round may start; a moment at least, so that the loop does not spin."""
    now = time.monotonic()
    soon = [t for t in (settling.next_launch(), settling.patience.quiet_until) if t > now]
    return max(0.01, min(soon, default=now + 0.2) - now)


def _progress(step: str, settling: Settling) -> str:
    waiting = settling.waiting()
    every = len(settling.tracks)
    shown = f"waiting for {waiting[0]}" if len(waiting) == 1 else "settling"
    within = f"{settling.patience.within:.0f} s at most"
    return f"step {step}: {shown}, {every - len(waiting)} of {every} flows as expected, {within}"
