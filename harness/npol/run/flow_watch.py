"""The flows of a story asked again and again, while something else happens to the cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta

from npol.errors import NpolError
from npol.judge.gaps import UNSEEN_AFTER
from npol.judge.tries import SECOND_SYN
from npol.judge.verdict import first_that_exists
from npol.judge.watched_probes import telling_try, timeout_of, watched_probes
from npol.model.expectation import Outcome, Word
from npol.model.gap import FlowTurn, WatchResult
from npol.model.probe import Answer, Probe
from npol.model.story import FlowKind, Step, Story
from npol.run.environment import RunEnvironment
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, ask_all
from npol.run.rounds import evidence_of
from npol.run.step_ends import StepEnds, step_ends
from npol.run.watched_histories import WatchedHistories

log = logging.getLogger(__name__)

EVERY = 0.1
"""Seconds from one try of all flows to the next."""
PER_PROBE = 0.01
"""The same for each probe of a round, where there are many: the sources share processors."""
SELDOM = 0.8 * UNSEEN_AFTER
"""The most: what is between two tries further apart is not seen."""
AT_ONCE = 16
"""Rounds under way: silence is waited for by several of them."""
LOOK_EVERY = 10.0
"""Seconds between two looks at where the flows' ends are; at once where a source is gone."""
SAY_EVERY = 0.5
NOT_ASKED = Answer(key="", outcome=Outcome.ERROR, detail="no address to ask")
"""Of a source that has nothing to ask, as the target's pods are gone."""


def watched_step(story: Story, told: Iterable[str]) -> Step:
    """All flows of the steps that were told, each once, as the last of them expects it."""
    steps = [step for step in story.steps if step.name in set(told)]
    flows = {flow.key: flow for step in steps for flow in step.flows if not flow.hold}
    named = {flow.name: flow for flow in flows.values()}
    return Step(name="watch", at=steps[-1].at, flows=tuple(named.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _WatchRound:
    asked_at: float
    asked: Mapping[str, tuple[PreparedFlow, tuple[Probe, ...]]]
    answers: Mapping[str, Answer]


class FlowWatch:
    """Watches the flows of one step; what it has seen can be read at any time (`result`)."""

    def __init__(
        self,
        environment: RunEnvironment,
        step: Step,
        *,
        tell: Callable[[FlowTurn], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tell`: is told of each flow that turns."""
        self._environment = environment
        self._step = step
        self._tell = tell
        self._clock = clock
        self._seen = self._histories()
        self._ended: float | None = None
        self._looked_at = self._seen.began
        self._look: Future[StepEnds] | None = None

    def _histories(self) -> WatchedHistories:
        return WatchedHistories(
            self._step.flows,
            self._clock(),
            engine=self._environment.engine.name,
            budget=self._environment.story.defaults.at_most,
        )

    def run(self, seconds: float) -> None:
        """
        Watch for so long.

        Raises:
            NpolError: the flows' ends could not be looked up at all.
        """
        ends = step_ends(self._environment, self._step)
        self._seen = self._histories()
        self._looked_at = self._seen.began
        until = self._seen.began + seconds
        with ThreadPoolExecutor(max_workers=AT_ONCE + 1) as pool:
            try:
                self._watch(ends, pool, until)
                self._ended = until
            finally:  # the silence of what was asked last is not known yet
                self._ended = self._ended or self._clock() - SECOND_SYN

    def _watch(self, ends: StepEnds, pool: ThreadPoolExecutor, until: float) -> None:
        running: set[Future[_WatchRound]] = set()
        launch_at = said_at = self._seen.began
        while (now := self._clock()) < until:
            if now >= launch_at and len(running) < AT_ONCE:
                asked = self._asked(ends)
                running.add(pool.submit(self._round, asked))
                launch_at = now + _interval(len(probes) for _, probes in asked.values())
            running = self._noted(running, max(0.01, min(launch_at, until) - now))
            ends = self._looked(ends, pool)
            self._seen.tell_turns(self._tell, self._clock())
            if now >= said_at:
                self._environment.options.say(self._progress(until - now))
                said_at = now + SAY_EVERY
        while running:
            running = self._noted(running, 1.0)
        self._seen.tell_turns(self._tell, self._clock())

    def result(self) -> WatchResult:
        """What was seen until now."""
        return self._seen.result(self._clock() if self._ended is None else self._ended)

    def _asked(self, ends: StepEnds) -> dict[str, tuple[PreparedFlow, tuple[Probe, ...]]]:
        return {name: (one, self._probes(one)) for name, one in ends.asked.items()}

    def _probes(self, one: PreparedFlow) -> tuple[Probe, ...]:
        """Of a flow that is to be open, and no more, a connection is enough."""
        http = self._seen.expected(one.flow).word is Word.HTTP
        flow = one.flow if http else replace(one.flow, http=None)
        timeout = timeout_of(one.timeout, http=http)
        return watched_probes(replace(one, flow=flow, timeout=timeout).probes)

    def _round(self, asked: Mapping[str, tuple[PreparedFlow, tuple[Probe, ...]]]) -> _WatchRound:
        batches: dict[ProbeSource, list[Probe]] = {}
        for one, probes in asked.values():
            batches.setdefault(one.source, []).extend(probes)
        asked_at = self._clock()
        return _WatchRound(asked_at=asked_at, asked=asked, answers=ask_all(batches))

    def _noted(self, running: set[Future[_WatchRound]], seconds: float) -> set[Future[_WatchRound]]:
        """Those still under way after a while; the others' answers are noted."""
        if not running:
            time.sleep(seconds)
            return running
        done, left = wait(running, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            self._note(future.result())
        return left

    def _note(self, ended: _WatchRound) -> None:
        """A flow is as its worst source and address are."""
        answers: dict[str, list[Answer]] = {}
        for one, probes in ended.asked.values():
            found = self._answers(one, probes, ended)
            answers.setdefault(one.flow.name, []).extend(found or [NOT_ASKED])
        for name, found in answers.items():
            expected = self._seen.expected(self._seen.flows[name])
            if told := telling_try(expected, found, ended.asked_at):
                self._seen.add(name, [told])

    def _answers(
        self, one: PreparedFlow, probes: Sequence[Probe], ended: _WatchRound
    ) -> list[Answer]:
        """What its addresses did; of several names what an application would get."""
        found = evidence_of(one.source, probes, ended.answers)
        if one.flow.kind is FlowKind.DNS and not self._seen.expected(one.flow).closed:
            found = first_that_exists(found)
        return [evidence.answer for evidence in found]

    def _looked(self, ends: StepEnds, pool: ThreadPoolExecutor) -> StepEnds:
        """The flows' ends as they are by now: pods go and come while a cluster is changed."""
        now = self._clock()
        if self._look is None and now >= self._looked_at + self._look_after(now):
            self._looked_at = now
            self._look = pool.submit(step_ends, self._environment, self._step)
        if self._look is None or not self._look.done():
            return ends
        look, self._look = self._look, None
        try:
            return look.result()
        except NpolError as error:
            log.info("the flows' ends were not looked up again: %s", error)
            return ends

    def _look_after(self, now: float) -> float:
        """Sooner where somebody asks in vain: a source that is gone is started anew by it."""
        return UNSEEN_AFTER if self._seen.silent(now) else LOOK_EVERY

    def _progress(self, left: float) -> str:
        to_go = timedelta(seconds=round(left))
        flows = len(self._step.flows)
        return f"watching {flows} flows: {self._seen.otherwise} otherwise, {to_go} to go"


def _interval(probes: Iterable[int]) -> float:
    return min(SELDOM, max(EVERY, PER_PROBE * sum(probes)))
