"""The flows of a story asked again and again, while something else happens to the cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from npol.errors import NpolError
from npol.judge.gaps import SECOND_SYN, UNSEEN_AFTER, FlowHistory, Try
from npol.judge.watched_probes import telling_tries, timeout_of, watched_probes
from npol.model.expectation import Expectation, Word
from npol.model.gap import FlowTurn, GapBudget, GapKind, WatchedFlow, WatchResult
from npol.model.probe import Answer, Probe
from npol.model.story import Flow, Step, Story
from npol.run.environment import RunEnvironment
from npol.run.prepared_flow import PreparedFlow
from npol.run.probe_batches import ProbeSource, answer_key, ask_all
from npol.run.step_ends import StepEnds, step_ends

log = logging.getLogger(__name__)

EVERY = 0.1
"""Seconds from one try of all flows to the next."""
PER_PROBE = 0.01
"""The same for each probe of a round, where there are many: the sources share processors."""
AT_ONCE = 16
"""Rounds under way: silence is waited for by several of them."""
LOOK_EVERY = 10.0
"""Seconds between two looks at where the flows' ends are; at once where a source is gone."""
SAY_EVERY = 0.5


def watched_step(story: Story, told: Iterable[str]) -> Step:
    """All flows of the steps that were told, each once, as the last of them expects it."""
    steps = [step for step in story.steps if step.name in set(told)]
    flows = {flow.key: flow for step in steps for flow in step.flows}
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
        self._flows = {flow.name: flow for flow in step.flows}
        self._histories = {name: FlowHistory() for name in self._flows}
        self._told: dict[str, tuple[GapKind | None, float]] = {}
        self._started = datetime.now(UTC)
        self._began = clock()
        self._ended: float | None = None
        self._looked_at = self._began
        self._look: Future[StepEnds] | None = None

    def run(self, seconds: float) -> None:
        """
        Watch for so long.

        Raises:
            NpolError: the flows' ends could not be looked up at all.
        """
        ends = step_ends(self._environment, self._step)
        self._started, self._began = datetime.now(UTC), self._clock()
        self._told = dict.fromkeys(self._flows, (None, self._began))
        with ThreadPoolExecutor(max_workers=AT_ONCE + 1) as pool:
            running: set[Future[_WatchRound]] = set()
            launch_at = said_at = self._looked_at = self._began
            until = self._began + seconds
            while (now := self._clock()) < until:
                if now >= launch_at and len(running) < AT_ONCE:
                    asked = self._asked(ends)
                    running.add(pool.submit(self._round, asked))
                    launch_at = now + _interval(len(ps) for _, ps in asked.values())
                running = self._noted(running, max(0.01, min(launch_at, until) - now))
                ends = self._looked(ends, pool)
                self._tell_turns()
                if now >= said_at:
                    self._environment.options.say(self._progress(now, seconds))
                    said_at = now + SAY_EVERY
            while running:
                running = self._noted(running, 1.0)
            self._ended = until
            self._tell_turns()

    def result(self) -> WatchResult:
        """What was seen until now."""
        ended = self._clock() if self._ended is None else self._ended
        return WatchResult(
            started=self._started.isoformat(timespec="milliseconds"),
            seconds=ended - self._began,
            flows=tuple(self._watched(flow, ended) for flow in self._step.flows),
        )

    def _watched(self, flow: Flow, ended: float) -> WatchedFlow:
        history = self._histories[flow.name]
        budget = flow.at_most or self._environment.story.defaults.at_most or GapBudget()
        return WatchedFlow(
            name=flow.name,
            at=flow.at,
            expected=str(self._expected(flow)),
            tries=history.tries,
            gaps=history.gaps(self._began, ended),
            budget=budget,
        )

    def _expected(self, flow: Flow) -> Expectation:
        return flow.expect.for_engine(self._environment.engine.name)

    def _asked(self, ends: StepEnds) -> dict[str, tuple[PreparedFlow, tuple[Probe, ...]]]:
        return {name: (one, self._probes(one)) for name, one in ends.asked.items()}

    def _probes(self, one: PreparedFlow) -> tuple[Probe, ...]:
        """Of a flow that is to be open, and no more, a connection is enough."""
        http = self._expected(one.flow).word is Word.HTTP
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
            for name, tries in self._tries(future.result()):
                self._histories[name].add(*tries)
        return left

    def _tries(self, ended: _WatchRound) -> Iterator[tuple[str, tuple[Try, ...]]]:
        """By flow; it is as its worst source and address are."""
        answers: dict[str, list[Answer]] = {}
        for one, probes in ended.asked.values():
            found = [ended.answers[answer_key(one.source, probe.key)] for probe in probes]
            answers.setdefault(one.flow.name, []).extend(found)
        for name, found in answers.items():
            yield name, telling_tries(self._expected(self._flows[name]), found, ended.asked_at)

    def _looked(self, ends: StepEnds, pool: ThreadPoolExecutor) -> StepEnds:
        """The flows' ends as they are by now: pods go and come while a cluster is changed."""
        if self._look is None and self._clock() >= self._looked_at + self._look_after():
            self._looked_at = self._clock()
            self._look = pool.submit(step_ends, self._environment, self._step)
        if self._look is None or not self._look.done():
            return ends
        look, self._look = self._look, None
        try:
            return look.result()
        except NpolError as error:
            log.info("the flows' ends were not looked up again: %s", error)
            return ends

    def _look_after(self) -> float:
        """Sooner where somebody asks in vain: a source that is gone is started anew by it."""
        return UNSEEN_AFTER if any(self._silent()) else LOOK_EVERY

    def _silent(self) -> Iterator[str]:
        """Names of the flows of which nothing was seen for a while."""
        since = self._clock() - UNSEEN_AFTER - SECOND_SYN
        return (n for n, history in self._histories.items() if history.latest(self._began) < since)

    def _tell_turns(self) -> None:
        silent = set(self._silent())
        for name, flow in self._flows.items():
            history, (before, since) = self._histories[name], self._told[name]
            saw = GapKind.NOT_SEEN if name in silent else history.state
            if saw is before:
                continue
            seen_at = history.latest if saw is GapKind.NOT_SEEN else history.turned
            at = seen_at(self._began)
            self._told[name] = saw, at
            self._tell(
                FlowTurn(
                    time=self._time(at),
                    flow=name,
                    expected=str(self._expected(flow)),
                    saw=saw,
                    lasted=max(0.0, at - since),
                )
            )

    def _time(self, at: float) -> str:
        moment = self._started + timedelta(seconds=at - self._began)
        return moment.isoformat(timespec="milliseconds")

    def _progress(self, now: float, seconds: float) -> str:
        otherwise = sum(saw is not None for saw, _ in self._told.values())
        left = timedelta(seconds=round(self._began + seconds - now))
        return f"watching {len(self._flows)} flows: {otherwise} otherwise, {left} to go"


def _interval(probes: Iterable[int]) -> float:
    return max(EVERY, PER_PROBE * sum(probes))
