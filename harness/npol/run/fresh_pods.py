"""The fresh pods of a step: started after its changes, asked from their first instant on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from npol.errors import NpolError
from npol.judge.fresh_tries import ends_to_ask, fresh_start, is_conclusive
from npol.judge.probes import probes_of
from npol.judge.targets import resolve
from npol.model.expectation import Outcome, Verdict
from npol.model.fresh_start import FreshEnd, FreshStart
from npol.model.fresh_try import FreshLog
from npol.model.probe import PodRef
from npol.model.reason import Reason, ReasonCode
from npol.model.result import FlowResult
from npol.model.story import Flow, Step
from npol.policy.state.cluster_state import ClusterState
from npol.probe.fresh_asker import FreshAsker
from npol.probe.fresh_program import SILENT_AFTER, FreshProgram
from npol.run.environment import RunEnvironment

log = logging.getLogger(__name__)

Ends = tuple[tuple[str, int], ...]
CONCLUSIVE_WITHIN = 3 * SILENT_AFTER
"""Seconds in which a silence that ends a leak must be told."""
POLL = 0.2


@dataclass(slots=True)
class FreshPods:
    """Those of one step."""

    environment: RunEnvironment
    step: Step
    _flows: list[Flow] = field(init=False)
    _asked: dict[str, Ends] = field(default_factory=dict)
    """By the flow's name: what is asked for it."""
    _pods: Mapping[str, PodRef] = field(default_factory=dict)
    _askers: dict[tuple[str, str], FreshAsker] = field(default_factory=dict)
    """By source and fresh target."""

    def __post_init__(self) -> None:
        self._flows = [f for f in self.step.flows if self._fresh_end(f)]

    def _fresh_end(self, flow: Flow) -> FreshEnd | None:
        peers = self.environment.story.peers
        if peers[flow.source].fresh:
            return FreshEnd.SOURCE
        return FreshEnd.TARGET if flow.target and peers[flow.target].fresh else None

    def start(self) -> None:
        """
        Raises:
            NpolError: a pod cannot be started.
        """
        if not self._flows:
            return
        state = self.environment.state(self.environment.look())
        programs = self._programs(state)
        for flow in self._at_targets:
            key = flow.source, flow.target
            if key not in self._askers:
                self._askers[key] = self.environment.sources.open_asker(flow.source)
        self.environment.options.say(f"starting fresh pods: {', '.join(programs)}")
        self._pods = self.environment.start_fresh(programs, self._told)

    @property
    def _at_targets(self) -> list[Flow]:
        return [f for f in self._flows if self._fresh_end(f) is FreshEnd.TARGET]

    def _programs(self, state: ClusterState) -> dict[str, FreshProgram]:
        asked: dict[str, dict[tuple[str, int], None]] = {}
        ports: dict[str, dict[int, None]] = {}
        for flow in self._flows:
            if self._fresh_end(flow) is FreshEnd.TARGET:
                ports.setdefault(flow.target, {})[flow.port] = None
                continue
            self._asked[flow.name] = ends = self._ends(flow, state)
            asked.setdefault(flow.source, {}).update(dict.fromkeys(ends))
        programs = {name: FreshProgram(ends=tuple(ends)) for name, ends in asked.items()}
        return programs | {name: FreshProgram(ports=tuple(own)) for name, own in ports.items()}

    def _ends(self, flow: Flow, state: ClusterState) -> Ends:
        defaults = self.environment.story.defaults
        target = resolve(flow, self.environment.story.peers[flow.target], state)
        probes = probes_of(flow, target, timeout=defaults.timeout)
        expected = flow.expect.for_engine(self.environment.engine.name)
        return ends_to_ask(probes, closed=expected.closed)

    def _told(self, peer: str, address: str) -> None:
        """The API shows where a fresh target is: its sources ask from now on."""
        for (source, target), asker in self._askers.items():
            if target != peer:
                continue
            flows = [f for f in self._at_targets if (f.source, f.target) == (source, target)]
            ends = tuple(dict.fromkeys((address, flow.port) for flow in flows))
            for flow in flows:
                self._asked[flow.name] = ((address, flow.port),)
            asker.tell(ends)
            log.info("%s asks the fresh pod of %s at %s", source, peer, address)

    def results(self, results: Sequence[FlowResult]) -> tuple[FlowResult, ...]:
        """The step's results, with what its flows did from the start of their fresh pods on."""
        if not self._flows:
            return tuple(results)
        flows = {flow.name: flow for flow in self._flows}
        logs = dict(self._logs())
        return tuple(
            self._with_start(r, flows[r.name], logs) if r.name in flows and not r.skipped else r
            for r in results
        )

    def _with_start(
        self, result: FlowResult, flow: Flow, logs: Mapping[tuple[str, str], FreshLog]
    ) -> FlowResult:
        start = self._start_of(flow, logs)
        if start is None:
            words = dict.fromkeys(one.words for one in self._logs_of(flow, logs))
            said = " ".join(filter(None, words))
            lost = Reason(code=ReasonCode.START_NOT_SEEN, said=said or "it tried nothing")
            return (
                result
                if not result.passed
                else replace(result, verdict=Verdict.UNKNOWN, reason=lost)
            )
        result = replace(result, fresh=start)
        return judged_by_leak(result, start) if result.passed else result

    def _logs_of(
        self, flow: Flow, logs: Mapping[tuple[str, str], FreshLog]
    ) -> tuple[FreshLog, FreshLog]:
        """What tells of the tries, and of the start of the fresh pod."""
        if self._fresh_end(flow) is FreshEnd.SOURCE:
            return (logs[flow.source, ""],) * 2
        return logs[flow.source, flow.target], logs[flow.target, ""]

    def _start_of(self, flow: Flow, logs: Mapping[tuple[str, str], FreshLog]) -> FreshStart | None:
        end = self._fresh_end(flow)
        told, own = self._logs_of(flow, logs)
        if end is None or own.started is None:
            return None
        pod = self._pods[flow.source if end is FreshEnd.SOURCE else flow.target]
        ends = self._told_ends(flow, end)
        budgets = (flow.leak, self.step.leak, self.environment.story.defaults.leak)
        return fresh_start(
            told.tries,
            flow.expect.for_engine(self.environment.engine.name),
            end=end,
            pod=f"{pod.namespace}/{pod.name}",
            started=own.started if own.answers is None else own.answers,
            indices={ends.index(one) for one in self._asked.get(flow.name, ())},
            denial=self.environment.engine.denial,
            budget=next((b for b in budgets if b is not None), None),
        )

    def _told_ends(self, flow: Flow, end: FreshEnd) -> list[tuple[str, int]]:
        """All that the program which asks for a flow was told to ask, in its order."""
        same = [
            f
            for f in self._flows
            if f.source == flow.source and (end is FreshEnd.SOURCE or f.target == flow.target)
        ]
        return list(dict.fromkeys(one for f in same for one in self._asked.get(f.name, ())))

    def _logs(self) -> Iterator[tuple[tuple[str, str], FreshLog]]:
        for key, asker in self._askers.items():
            yield key, asker.end()
        for peer, pod in self._pods.items():
            yield (peer, ""), self._log(peer, pod)

    def _log(self, peer: str, pod: PodRef) -> FreshLog:
        """Of a source: read again while a leak has no end yet, for silence takes its time."""
        until = time.monotonic() + CONCLUSIVE_WITHIN
        while True:
            try:
                found = self.environment.sources.fresh_log(pod)
            except NpolError as error:
                return FreshLog(words=error.message)
            logs = {(peer, ""): found}
            own = [f for f in self._flows if f.source == peer]
            if time.monotonic() >= until or all(self._is_told(f, logs) for f in own):
                return found
            time.sleep(POLL)

    def _is_told(self, flow: Flow, logs: Mapping[tuple[str, str], FreshLog]) -> bool:
        expected = flow.expect.for_engine(self.environment.engine.name)
        return is_conclusive(self._start_of(flow, logs), expected)


def judged_by_leak(result: FlowResult, start: FreshStart) -> FlowResult:
    """A result that is as expected, by the budget for what its fresh pod did at first."""
    budget = start.budget
    if start.over_budget:
        reason = Reason(code=ReasonCode.LEAKED, seconds=start.leaked, budget=budget)
        return replace(result, verdict=Verdict.TOO_OPEN, outcome=Outcome.OPEN, reason=reason)
    if start.may_be_over_budget:
        reason = Reason(code=ReasonCode.LEAK_NOT_EXCLUDED, seconds=start.not_seen, budget=budget)
        return replace(result, verdict=Verdict.UNKNOWN, reason=reason)
    return result
