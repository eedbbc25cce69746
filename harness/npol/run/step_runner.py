"""One step told: its changes, its rounds until they are final, its checks, its results."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from npol.errors import NpolError
from npol.judge.pairs import grouped
from npol.judge.sample import STABLE, Patience
from npol.model.expectation import Verdict
from npol.model.inventory import Inventory
from npol.model.reason import Reason
from npol.model.result import CheckResult, FlowResult, StepResult, Witnesses
from npol.model.story import StateCheck, Step
from npol.model.verification import FlowVerification, NotVerified
from npol.run.checks import cannot_fail, check_all
from npol.run.checks.view import View
from npol.run.environment import RunEnvironment
from npol.run.flow_result import (
    changed_by_others,
    changes_not_read,
    skipped_flow,
    verification_of,
    without_verdict,
)
from npol.run.flow_runner import FlowRunner
from npol.run.fresh_pods import FreshPods
from npol.run.step_ends import StepEnds

T = TypeVar("T")


class StepRunner:
    """Runs steps one after the other; remembers the state that the restore goes back to."""

    def __init__(self, environment: RunEnvironment, pool: ThreadPoolExecutor) -> None:
        self._environment = environment
        self._flows = FlowRunner(environment, pool)
        self._pool = pool
        self._ahead: Future[None] | None = None
        """The next step's dry runs."""
        self._baseline: Step | None = None
        """The first step told, if it changed nothing: the state that the restore goes back to."""
        self._told = 0
        self._last: tuple[Step, StepResult] | None = None
        """The step run last."""

    def run(self, step: Step) -> StepResult:
        """
        Change, settle, probe, check.

        Raises:
            NpolError: a change could not be made; nothing of the step was asked.
        """
        began = time.monotonic()
        self._environment.options.say(f"step {step.name}")
        if reason := self._environment.unmet(step.when):
            return _skip(step, reason)
        if step.changes:
            self._flows.prepare(self._without_fresh(step))
        self._environment.await_enforcement(step)
        if self._ahead:
            self._ahead.result()
        changes = self._environment.change(step)
        self._ahead = self._try_next(step)
        changed_at = time.monotonic() if step.changes else None
        fresh = FreshPods(self._environment, step)
        fresh.start()
        patience = self._patience(step, changed_at)
        results, ends = self._flows.run(step, patience)
        results = fresh.results(results)
        self._environment.await_proof(step)
        checks, seen = self._checks(step, patience)
        self._environment.transaction.mark(step.name)
        self._flows.hold(step)
        self._told += 1
        if self._told == 1 and not step.changes:
            held = {r.name for r in results if r.passed and not r.skipped}
            self._baseline = replace(step, flows=tuple(f for f in step.flows if f.told_as in held))
        if ends:
            closing = partial(self._unless_foreign, results, ends, seen)
            results = self._while_intending(step, closing)
        result = StepResult(
            name=step.name,
            at=step.at,
            changes=changes,
            flows=results,
            checks=checks,
            seconds=time.monotonic() - began,
            same_as=step.same_as,
        )
        self._last = step, result
        return result

    def _while_intending(self, step: Step, look: Callable[[], T]) -> T:
        """What a look brings, while it is written down what the next step changes."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            noted = pool.submit(self._intend_next, step)
            seen = look()
            noted.result()
        return seen

    def _without_fresh(self, step: Step) -> Step:
        """Its flows whose ends are there before its change."""
        peers = self._environment.story.peers
        kept = [
            f
            for f in step.flows
            if not peers[f.source].fresh and not (f.target and peers[f.target].fresh)
        ]
        return replace(step, flows=tuple(kept))

    def _following(self, step: Step) -> Step | None:
        """The next step, if it changes something."""
        steps = self._environment.story.steps
        following = dict(zip((s.name for s in steps), steps[1:], strict=False)).get(step.name)
        return following if following and following.changes else None

    def _try_next(self, step: Step) -> Future[None] | None:
        following = self._following(step)
        return self._pool.submit(self._environment.try_ahead, following) if following else None

    def _intend_next(self, step: Step) -> None:
        """What the next step changes is written down, if it will surely be told."""
        following = self._following(step)
        if following and not following.when:
            if self._ahead:
                self._ahead.result()
            self._environment.intend_ahead(following)

    def _unless_foreign(
        self, results: tuple[FlowResult, ...], ends: StepEnds, seen: Inventory | None
    ) -> tuple[FlowResult, ...]:
        """The results, if the cluster stayed what the step had made of it while it was judged."""
        explained = all(r.passed and r.witnesses is Witnesses.AGREE for r in results)
        try:
            foreign = self._environment.changed_by_others(
                ends.inventory, ends.pods, seen, explained=explained
            )
        except NpolError as error:
            reason = changes_not_read(error)
            return tuple(without_verdict(r, Verdict.UNKNOWN, reason) for r in results)
        if not foreign:
            return results
        reason = changed_by_others(foreign)
        return tuple(without_verdict(r, Verdict.INVALID, reason) for r in results)

    def verify(self, unchanged: bool) -> FlowVerification:
        """
        The baseline's flows once more, after the restore.

        Only those that held before: what never did says nothing about the restore. `unchanged`:
        it found nothing to put back, so that what the last step has shown holds still.
        """
        if self._baseline is None or not self._baseline.flows:
            return FlowVerification(not_verified=NotVerified.NO_BASELINE)
        if unchanged and self._last and (shown := _as_before(*self._last, self._baseline)):
            return shown
        began = time.monotonic()
        patience = replace(self._patience(self._baseline, began), started=began)
        results, _ = self._flows.run(self._baseline, patience)
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
            stable=(own and own.stable) or story.stable or STABLE,
        )

    def _checks(
        self, step: Step, patience: Patience
    ) -> tuple[tuple[CheckResult, ...], Inventory | None]:
        """The results, and what the last look at what they are about has seen."""
        if not step.checks:
            return (), None
        seen: list[Inventory] = []

        def look() -> View:
            view = self._environment.view()
            seen.append(view.inventory)
            return view

        checks = partial(check_all, step.checks, step.name, look, patience.deadline)
        results = self._while_intending(step, checks)
        return tuple(map(self._weighed, step.checks, results)), seen[-1]

    def _weighed(self, check: StateCheck, result: CheckResult) -> CheckResult:
        """The result, marked where nothing could have falsified it."""
        if not result.passed:
            return result
        story, creates = self._environment.story, self._environment.options.create
        why = cannot_fail(check, story, result.step, creates=creates)
        return replace(result, cannot_fail=why)


def _as_before(last: Step, result: StepResult, baseline: Step) -> FlowVerification | None:
    """What a step has shown of the baseline's flows; None unless it shows that all of them hold."""
    passed = {r.name for r in result.flows if r.passed and not r.skipped}
    held = {f.key: f.expect for f in last.flows if f.told_as in passed}
    if any(held.get(f.key) != f.expect for f in baseline.flows):
        return None
    return FlowVerification(asked=len(baseline.flows), step=last.name)


def _skip(step: Step, reason: Reason) -> StepResult:
    flows = (skipped_flow(f, step.name, reason) for f in step.flows)
    checks = tuple(
        CheckResult(
            name=c.name,
            at=c.at,
            step=step.name,
            expected=None,
            verdict=Verdict.UNKNOWN,
            skipped=reason,
        )
        for c in step.checks
    )
    return StepResult(
        name=step.name,
        at=step.at,
        flows=tuple(grouped(step.flows, flows)),
        checks=checks,
        skipped=reason,
    )
