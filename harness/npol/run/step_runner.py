"""One step told: its changes, its rounds until they are final, its checks, its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from npol.judge.liveness import LivenessRecord
from npol.judge.settle import Patience, Settling
from npol.judge.targets import selected_pods
from npol.judge.witnesses import agreeing
from npol.model.expectation import Outcome, Verdict
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.probe import Probe
from npol.model.reason import Reason, ReasonCode
from npol.model.result import CheckResult, FlowResult, StepResult
from npol.model.sentence import NOTHING, Sentence
from npol.model.story import StateCheck, Step
from npol.model.verification import FlowVerification, NotVerified
from npol.run.checks import cannot_fail, check_all
from npol.run.environment import RunEnvironment
from npol.run.flow_result import flow_result, skipped_flow, verification_of
from npol.run.rounds import PreparedFlow, ProbeSource, Rounds, asked_inside
from npol.run.settle_loop import Final, settle
from npol.run.step_ends import StepEnds, step_ends


class StepRunner:
    """Tells steps one after the other; remembers what was seen before, and what lives."""

    def __init__(self, environment: RunEnvironment, pool: ThreadPoolExecutor) -> None:
        self._environment = environment
        self._pool = pool
        self._liveness = LivenessRecord()
        self._before: dict[str, Hashable] = {}
        self._baseline: Step | None = None
        """The first step told, if it changed nothing: the state that the restore goes back to."""
        self._told = 0

    def run(self, step: Step) -> StepResult:
        """
        Change, settle, probe, check.

        Raises:
            NpolError: a change could not be made; nothing of the step was asked.
        """
        began = time.monotonic()
        if reason := self._environment.unmet(step.when):
            return _skip(step, reason)
        changes = self._environment.change(step)
        changed_at = time.monotonic() if step.changes else None
        patience = self._patience(step, changed_at)
        results, ends = self._flows(step, patience)
        checks = self._checks(step, patience)
        self._environment.mark(step.name)
        self._told += 1
        if self._told == 1 and not step.changes:
            held = {r.name for r in results if r.passed and not r.skipped}
            self._baseline = replace(step, flows=tuple(f for f in step.flows if f.name in held))
        foreign = self._environment.changed_by_others(ends.inventory, ends.pods) if ends else []
        return StepResult(
            name=step.name,
            at=step.at,
            changes=changes,
            flows=tuple(_invalid(r, foreign) for r in results) if foreign else results,
            checks=checks,
            seconds=time.monotonic() - began,
            same_as=step.same_as,
        )

    def verify(self) -> FlowVerification:
        """
        The baseline's flows once more, after the restore.

        Only those that held before: what never did says nothing about the restore.
        """
        if self._baseline is None or not self._baseline.flows:
            return FlowVerification(not_verified=NotVerified.NO_BASELINE)
        began = time.monotonic()
        patience = replace(self._patience(self._baseline, began), started=began)
        results, _ = self._flows(self._baseline, patience)
        return verification_of(results)

    def _patience(self, step: Step, changed_at: float | None) -> Patience:
        own, story = step.settle, self._environment.story.defaults.settle
        engine = self._environment.engine
        within = (own and own.within) or story.within or engine.patience_for(step)
        if self._environment.options.settle is not None:
            within = self._environment.options.settle
        quiet = own.quiet if own and own.quiet is not None else story.quiet
        return Patience(
            started=time.monotonic(),
            changed_at=changed_at,
            within=within,
            quiet=engine.quiet if quiet is None else quiet,
            stable=own.stable if own else story.stable,
        )

    def _flows(
        self, step: Step, patience: Patience
    ) -> tuple[tuple[FlowResult, ...], StepEnds | None]:
        """The results, and the ends of which they tell; asked anew where these have moved."""
        if not step.flows:
            return (), None
        ends = step_ends(self._environment, step)
        while True:
            predictor = self._environment.predictor(ends.inventory)
            predictions = {name: predictor.predict(a.flow) for name, a in ends.asked.items()}
            moved = _Moved(self._environment, step, ends)
            final = self._settle(step, ends.asked, patience, predictions, moved)
            if moved.now is None or time.monotonic() >= patience.deadline:
                return tuple(self._results(step, ends, final, predictions)), ends
            ends = moved.now

    def _results(
        self, step: Step, ends: StepEnds, final: Final, predictions: Mapping[str, Prediction]
    ) -> Iterator[FlowResult]:
        for flow in step.flows:
            if flow.name in ends.skipped:
                yield skipped_flow(flow, step.name, ends.skipped[flow.name])
            else:
                yield self._result(step, ends, ends.asked[flow.name], final, predictions[flow.name])

    def _result(
        self,
        step: Step,
        ends: StepEnds,
        one: PreparedFlow,
        final: Final,
        prediction: Prediction,
    ) -> FlowResult:
        flow, name = one.flow, one.flow.name
        source = self._environment.story.peers[flow.source]
        runs = source.workload or source.pod
        settled = final.settled[name]
        if settled.judgement.outcome is not Outcome.ERROR:
            self._before[flow.key] = (settled.judgement.outcome, settled.judgement.status)
        budget = flow.converge_within or step.converge_within
        return flow_result(
            one,
            step=step.name,
            engine=self._environment.engine.name,
            settled=settled,
            evidence=final.evidence[name],
            prediction=prediction,
            budget=budget or self._environment.story.defaults.converge_within,
            sources=len(list(selected_pods(source, ends.inventory))) if runs else 1,
        )

    def _settle(
        self,
        step: Step,
        asked: Mapping[str, PreparedFlow],
        patience: Patience,
        predictions: Mapping[str, Prediction],
        moved: Callable[[], bool],
    ) -> Final:
        if not asked:
            return Final(settled={}, evidence={})
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
        )
        before = {name: self._before.get(a.flow.key) for name, a in asked.items()}
        settling = Settling(
            before,
            patience,
            foretold,
            trust_packets=step.trust_packets or self._environment.story.defaults.trust_packets,
        )
        return settle(rounds, settling, self._environment.options.say, moved)

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

    def _checks(self, step: Step, patience: Patience) -> tuple[CheckResult, ...]:
        if not step.checks:
            return ()
        results = check_all(step.checks, step.name, self._environment.view, patience.deadline)
        return tuple(map(self._weighed, step.checks, results))

    def _weighed(self, check: StateCheck, result: CheckResult) -> CheckResult:
        """The result, marked where nothing could have falsified it."""
        if not result.passed:
            return result
        story, creates = self._environment.story, self._environment.options.create
        why = cannot_fail(check, story, result.step, creates=creates)
        return replace(result, cannot_fail=why)


@dataclass(slots=True)
class _Moved:
    """Looks now and then whether a step's ends are still those that are asked."""

    environment: RunEnvironment
    step: Step
    ends: StepEnds
    now: StepEnds | None = None
    """The ends as they are since; None while they are the same."""

    def __call__(self) -> bool:
        latest = step_ends(self.environment, self.step)
        if not latest.same_as(self.ends):
            self.now = latest
        return self.now is not None


def _arrives(prediction: Prediction, asked: PreparedFlow) -> bool:
    """Whether somebody in the cluster hears what is sent, if the source can send."""
    if prediction.decision is not PredictedDecision.ALLOW:
        return False
    own = asked.source.source.ip
    return asked.target is None or any(p.ip != own for p in asked.target.pods)


def _invalid(result: FlowResult, foreign: list[str]) -> FlowResult:
    """The cluster was not what the step had made of it while it was judged."""
    if result.skipped:
        return result
    words = f"somebody else changed the cluster meanwhile: {'; '.join(foreign[:3])}"
    reason = Reason(code=ReasonCode.CHANGED_BY_OTHERS, words=Sentence(words))
    return replace(result, verdict=Verdict.INVALID, reason=reason)


def _skip(step: Step, reason: Sentence) -> StepResult:
    flows = tuple(skipped_flow(f, step.name, reason) for f in step.flows)
    checks = tuple(
        CheckResult(
            name=c.name,
            at=c.at,
            step=step.name,
            expected="",
            seen=NOTHING,
            verdict=Verdict.UNKNOWN,
            skipped=reason,
        )
        for c in step.checks
    )
    return StepResult(name=step.name, at=step.at, flows=flows, checks=checks, skipped=reason)
