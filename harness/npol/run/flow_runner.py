"""The flows of one step: asked in rounds until they are final, then put into results."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from npol.errors import NpolError
from npol.judge.flow_track import Settled
from npol.judge.known_ends import known_ends
from npol.judge.liveness import LivenessRecord
from npol.judge.pairs import grouped
from npol.judge.sample import Patience, Signature
from npol.judge.settle import Settling
from npol.judge.source_pods import combined
from npol.judge.verdict import CUT
from npol.judge.witnesses import agreeing
from npol.model.expectation import Outcome
from npol.model.prediction import PredictedDecision, Prediction, UnknownReason
from npol.model.probe import PodRef, Probe
from npol.model.result import FlowResult
from npol.model.story import Step
from npol.probe.bundle import recognisable
from npol.run.choose_controls import ControlChoice
from npol.run.early_look import EarlyLook
from npol.run.environment import RunEnvironment
from npol.run.flow_result import flow_result, is_denied_wrongly, skipped_flow
from npol.run.held_flows import opened_by
from npol.run.predictor import Predictor
from npol.run.prepared_flow import PreparedFlow, asked_inside
from npol.run.probe_batches import ProbeSource, ask_all
from npol.run.probe_records import ProbeRecords
from npol.run.rounds import Rounds, evidence_of
from npol.run.settle_loop import settle
from npol.run.step_ends import MovedEnds, StepEnds, step_ends

log = logging.getLogger(__name__)

MOST_OPENED = 32
"""Connections that are opened at once."""
MOST_FIXED = 20
"""Flows of a step for which a fix is looked for; the others mostly have the same cause."""


class FlowRunner:
    """Runs the flows of step after step; remembers what was seen before, and what lives."""

    def __init__(self, environment: RunEnvironment, pool: ThreadPoolExecutor) -> None:
        self._environment = environment
        self._pool = pool
        self._liveness = LivenessRecord()
        self._before: dict[str, Signature] = {}
        """What was seen at the end of the last step: what is older says nothing of this one."""
        self._asked_from: set[str] = set()
        """Names of the peers that probes were asked from, and of those asked from inside."""

    def prepare(self, step: Step) -> None:
        """
        Before a step's change: what it will deny is asked for once, from sources and in targets
        that no step has asked yet. So there is a proof that those sources can send, and the first
        round after the change opens no execs. What is not heard says nothing, so it is asked
        where the ends were at the last look.
        """
        engine = self._environment.engine.name
        denied = [f for f in step.flows if f.expect.for_engine(engine).closed]
        if not {end for f in denied for end in (f.source, f.target)} - self._asked_from:
            return
        try:
            ends = step_ends(self._environment, step, self._environment.latest)
        except NpolError as error:
            log.info("step %r: its ends were not looked up before: %s", step.name, error)
            return
        self._asked_from |= {f.target for f in denied}
        predictor = self._predictor(ends)
        choice = ControlChoice(environment=self._environment, ends=ends, predictor=predictor)
        controls: dict[ProbeSource, list[Probe]] = {}
        for (_, family), one in choice.denied().items():
            if probes := choice.let_through(one, family):
                controls.setdefault(one.source, []).extend(probes)
        batches = {source: [*probes] for source, probes in controls.items()}
        for probe, target in self._inside(ends.asked).items():
            batches.setdefault(target, []).append(probe)
        began, answers = time.monotonic(), ask_all(batches)
        self._environment.await_enforcement(step)
        denial = self._environment.engine.denial
        for source, own in controls.items():
            found = evidence_of(source, own, answers)
            self._liveness.note_sending(source.source, found, began, denial)

    def hold(self, step: Step) -> None:
        """At the end of a step: open what later ones ask about."""
        opened = opened_by(self._environment.story, step)
        if not opened.flows:
            return
        ends = step_ends(self._environment, opened)
        asked = [(one.source.source, probe) for one in ends.asked.values() for probe in one.probes]
        for one in ends.asked.values():
            for probe in one.probes:
                self._environment.held.note(one.source.source, probe, one.target)
        inside = self._environment.sources.inside
        with ThreadPoolExecutor(max_workers=MOST_OPENED) as pool:
            list(pool.map(lambda pair: inside(pair[0]).hold(pair[1]), asked))

    def _with_held(self, ends: StepEnds, patience: Patience) -> Patience:
        """After a gap a connection lives again at the pace of TCP: as long again at most."""
        inside = self._environment.sources.inside
        held = ((a.source.source, p) for a in ends.asked.values() for p in a.probes if p.held)
        silent = max((inside(pod).held_silent_for(probe) for pod, probe in held), default=0.0)
        return replace(patience, within=patience.within + silent)

    def run(self, step: Step, patience: Patience) -> tuple[tuple[FlowResult, ...], StepEnds | None]:
        """The results, and the ends of which they tell; asked anew where these have moved."""
        if not step.flows:
            self._before = {} if step.changes else self._before
            return (), None
        self._asked_from |= {flow.source for flow in step.flows}
        before, self._before = self._before, {}
        ends = step_ends(self._environment, step)
        patience = self._with_held(ends, patience)
        while True:
            predictor = self._predictor(ends)
            predictions = {name: _foretold(predictor, a) for name, a in ends.asked.items()}
            moved = MovedEnds(self._environment, step, ends)
            choice = ControlChoice(environment=self._environment, ends=ends, predictor=predictor)
            final = self._settle(step, choice, patience, predictions, before, moved)
            if moved.now is None or time.monotonic() >= patience.deadline:
                results = self._results(step, ends, final, predictions, predictor)
                return tuple(grouped(step.flows, results)), ends
            ends = moved.now

    def _results(
        self,
        step: Step,
        ends: StepEnds,
        final: Mapping[str, Settled],
        predictions: Mapping[str, Prediction],
        predictor: Predictor,
    ) -> Iterator[FlowResult]:
        by_flow, fixed = ends.by_flow(), set[str]()
        for flow in step.flows:
            if flow.name in ends.skipped:
                yield skipped_flow(flow, step.name, ends.skipped[flow.name])
                continue
            asked = by_flow[flow.name]
            results = [
                self._result(step, one, final[one.name], predictions[one.name]) for one in asked
            ]
            whole = combined(results, pods=asked[0].source_pods, alike=_alike(predictor, asked))
            if is_denied_wrongly(whole) and len(fixed) < MOST_FIXED:
                fixed.add(flow.name)
                whole = replace(whole, fixes=predictor.fixes(flow))
            yield whole

    def _result(
        self, step: Step, one: PreparedFlow, settled: Settled, prediction: Prediction
    ) -> FlowResult:
        flow = one.flow
        if settled.judgement.outcome is not Outcome.ERROR:
            self._before[one.before] = (settled.judgement.outcome, settled.judgement.status)
        budget = flow.converge_within or step.converge_within
        return flow_result(
            one,
            step=step.name,
            engine=self._environment.engine.name,
            settled=settled,
            prediction=prediction,
            budget=budget or self._environment.story.defaults.converge_within,
        )

    def _settle(
        self,
        step: Step,
        choice: ControlChoice,
        patience: Patience,
        predictions: Mapping[str, Prediction],
        before: Mapping[str, Signature],
        moved: Callable[[], bool],
    ) -> Mapping[str, Settled]:
        ends = choice.ends
        asked = ends.asked
        if not asked:
            return {}
        engine, say = self._environment.engine, self._environment.options.say
        foretold = {
            name: agreeing(
                p.decision_for(asked[name].flow.expect.for_engine(engine.name)),
                engine.denial | CUT if asked[name].flow.hold else engine.denial,
                proxied=p.proxied,
            )
            for name, p in predictions.items()
        }
        let_through = {n for n, p in predictions.items() if _arrives(p, asked[n])}
        rounds = Rounds(
            step=step.name,
            engine=engine.name,
            asked=asked,
            liveness=self._liveness,
            pool=self._pool,
            denial=engine.denial,
            inside=self._inside(asked),
            let_through=let_through,
            foretold={name for name, agreed in foretold.items() if agreed is not None},
            controls=choice.controls(let_through),
            records=self._records(ends),
        )
        settling = Settling(
            {name: before.get(a.before) for name, a in asked.items()},
            patience,
            foretold,
            trust_packets=step.trust_packets or self._environment.story.defaults.trust_packets,
        )
        if rounds.records is None:
            EarlyLook(
                step=step.name, asked=asked, tracks=settling.tracks, patience=patience, say=say
            ).wait()
        return settle(rounds, settling, say, moved)

    def _predictor(self, ends: StepEnds) -> Predictor:
        return Predictor(ends.state, self._environment.story, self._environment.engine.name)

    def _records(self, ends: StepEnds) -> ProbeRecords | None:
        """What the data plane tells of these ends from now on."""
        watch = self._environment.records
        sources = _recognisable(ends.asked.values())
        if watch is None or watch.store is None:
            return None
        if sources:
            watch.follow(sources, {pod.node for pod in self._inside_ends(ends) if pod.node})
        return ProbeRecords(records=watch.store, known=known_ends(ends.inventory))

    def _inside_ends(self, ends: StepEnds) -> Iterator[PodRef]:
        """The pods at either end of the flows; places outside the cluster have no records."""
        peers = self._environment.story.peers
        for one in ends.asked.values():
            if not peers[one.flow.source].external:
                yield one.source.source
            if one.target and not peers[one.flow.target].external:
                yield from one.target.pods

    def _inside(self, asked: Mapping[str, PreparedFlow]) -> dict[Probe, ProbeSource]:
        """What targets must answer themselves, so that their silence says something."""
        engine = self._environment.engine.name
        return {
            probe: self._environment.sources.inside(pod)
            for one in asked.values()
            for probe, pod in asked_inside(one, engine, self._liveness).items()
        }


def _recognisable(asked: Iterable[PreparedFlow]) -> list[PodRef]:
    """
    The sources whose probes records can tell apart. The records of others would tell nothing,
    and a hundred sources with a hundred flows each make a flood of them.
    """
    probes: dict[str, list[Probe]] = {}
    sources = {}
    for one in asked:
        sources[one.source.source.uid] = one.source.source
        probes.setdefault(one.source.source.uid, []).extend(one.probes)
    return [source for uid, source in sources.items() if recognisable(probes[uid])]


def _foretold(predictor: Predictor, one: PreparedFlow) -> Prediction:
    """From the pod that is asked, where its source has several."""
    outside = one.target and one.target.resolved_at_source
    return predictor.predict(
        one.flow,
        one.source.source.name if one.source_pods > 1 else "",
        addresses=tuple(b.ip for b in one.target.backends) if one.target and outside else (),
    )


def _alike(predictor: Predictor, asked: Sequence[PreparedFlow]) -> bool:
    """Whether pods of a source that are not asked may be taken to do as those that are."""
    first = asked[0]
    if len(asked) == first.source_pods:
        return True
    return predictor.predict(first.flow).reason is not UnknownReason.PODS_DIFFER


def _arrives(prediction: Prediction, asked: PreparedFlow) -> bool:
    """Whether somebody in the cluster hears what is sent, if the source can send."""
    if prediction.decision is not PredictedDecision.ALLOW:
        return False
    own = asked.source.source.ips
    return asked.target is None or any(p.ip not in own for p in asked.target.pods)
