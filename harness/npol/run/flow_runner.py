"""The flows of one step: asked in rounds until they are final, then put into results."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from npol.judge.known_ends import known_ends
from npol.judge.liveness import LivenessRecord
from npol.judge.settle import Patience, Settled, Settling
from npol.judge.source_pods import combined
from npol.judge.witnesses import agreeing
from npol.model.expectation import Outcome
from npol.model.prediction import PredictedDecision, Prediction, UnknownReason
from npol.model.probe import Probe
from npol.model.result import FlowResult
from npol.model.story import Step
from npol.run.environment import RunEnvironment
from npol.run.flow_result import flow_result, skipped_flow
from npol.run.predictor import Predictor
from npol.run.prepared_flow import PreparedFlow, asked_inside
from npol.run.probe_batches import ProbeSource
from npol.run.probe_records import ProbeRecords
from npol.run.rounds import Rounds
from npol.run.settle_loop import settle
from npol.run.step_ends import MovedEnds, StepEnds, step_ends


class FlowRunner:
    """Runs the flows of step after step; remembers what was seen before, and what lives."""

    def __init__(self, environment: RunEnvironment, pool: ThreadPoolExecutor) -> None:
        self._environment = environment
        self._pool = pool
        self._liveness = LivenessRecord()
        self._before: dict[str, Hashable] = {}

    def run(self, step: Step, patience: Patience) -> tuple[tuple[FlowResult, ...], StepEnds | None]:
        """The results, and the ends of which they tell; asked anew where these have moved."""
        if not step.flows:
            return (), None
        ends = step_ends(self._environment, step)
        while True:
            predictor = self._environment.predictor(ends.state)
            predictions = {name: _foretold(predictor, a) for name, a in ends.asked.items()}
            moved = MovedEnds(self._environment, step, ends)
            final = self._settle(step, ends, patience, predictions, moved)
            if moved.now is None or time.monotonic() >= patience.deadline:
                results = self._results(step, ends, final, predictions, predictor)
                return tuple(results), ends
            ends = moved.now

    def _results(
        self,
        step: Step,
        ends: StepEnds,
        final: Mapping[str, Settled],
        predictions: Mapping[str, Prediction],
        predictor: Predictor,
    ) -> Iterator[FlowResult]:
        by_flow = ends.by_flow()
        for flow in step.flows:
            if flow.name in ends.skipped:
                yield skipped_flow(flow, step.name, ends.skipped[flow.name])
                continue
            asked = by_flow[flow.name]
            results = [
                self._result(step, one, final[one.name], predictions[one.name]) for one in asked
            ]
            yield combined(results, pods=asked[0].source_pods, alike=_alike(predictor, asked))

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
        ends: StepEnds,
        patience: Patience,
        predictions: Mapping[str, Prediction],
        moved: Callable[[], bool],
    ) -> Mapping[str, Settled]:
        asked = ends.asked
        if not asked:
            return {}
        engine = self._environment.engine
        foretold = {name: agreeing(p.decision, engine.denial) for name, p in predictions.items()}
        rounds = Rounds(
            step=step.name,
            engine=engine.name,
            asked=asked,
            liveness=self._liveness,
            pool=self._pool,
            denial=engine.denial,
            inside=self._inside(asked, foretold),
            let_through={n for n, p in predictions.items() if _arrives(p, asked[n])},
            records=self._records(ends),
        )
        before = {name: self._before.get(a.before) for name, a in asked.items()}
        settling = Settling(
            before,
            patience,
            foretold,
            trust_packets=step.trust_packets or self._environment.story.defaults.trust_packets,
        )
        return settle(rounds, settling, self._environment.options.say, moved)

    def _records(self, ends: StepEnds) -> ProbeRecords | None:
        """What the data plane tells of these ends from now on."""
        watch = self._environment.records
        if watch is None:
            return None
        sources = [one.source.source for one in ends.asked.values()]
        targets = [p for one in ends.asked.values() if one.target for p in one.target.pods]
        watch.follow(sources, {pod.node for pod in (*sources, *targets) if pod.node})
        return ProbeRecords(records=watch.store, known=known_ends(ends.inventory))

    def _inside(
        self, asked: Mapping[str, PreparedFlow], foretold: Mapping[str, object]
    ) -> dict[Probe, ProbeSource]:
        """What targets must answer themselves, because nothing else shows that they live."""
        engine = self._environment.engine.name
        return {
            probe: self._environment.inside(pod)
            for name, one in asked.items()
            for probe, pod in asked_inside(
                one, engine, self._liveness, foretold=foretold[name] is not None
            ).items()
        }


def _foretold(predictor: Predictor, one: PreparedFlow) -> Prediction:
    """From the pod that is asked, where its source has several."""
    return predictor.predict(one.flow, one.source.source.name if one.source_pods > 1 else "")


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
    own = asked.source.source.ip
    return asked.target is None or any(p.ip != own for p in asked.target.pods)
