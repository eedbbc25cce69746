"""One run of one story: opened, told step by step, and given back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from npol import __version__
from npol.errors import Crashed, ExitCode, NpolError, RestoreIncomplete
from npol.flow_records.whisker import WhiskerFlow
from npol.kube.signals import Stop
from npol.model.gap import FlowTurn
from npol.model.result import RestoreResult, StepResult, StoryReport
from npol.model.story import Step, Story
from npol.run.environment import RunEnvironment
from npol.run.flow_watch import FlowWatch, watched_step
from npol.run.namespaces import changed_namespaces, named_namespaces
from npol.run.options import Options
from npol.run.selected_namespaces import with_selected
from npol.run.step_runner import StepRunner
from npol.run.told_beside import with_told_beside
from npol.run.watchable import refuse_too_many


class StoryRun:
    """
    A story's run on one cluster.

    `story` is loaded (`story.load_story`) and narrowed to what is wanted (`replayed`).
    Call `open`, then `reach` for each step that is wanted, then `close`, always.
    """

    def __init__(self, story: Story, options: Options) -> None:
        self.story = story
        self._as_written = story
        """With peers that select namespaces, before these are known."""
        self.options = options
        self.run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._environment: RunEnvironment | None = None
        self._step_runner: StepRunner | None = None
        self._steps: dict[str, StepResult] = {}
        self._asked: dict[str, Step] = {}
        self._watch: FlowWatch | None = None
        self._restore: RestoreResult | None = None
        self._error: NpolError | None = None
        self._stop = Stop()
        self._stack = ExitStack()

    def open(self) -> None:
        """
        Preflight, lock, `given`, debug pods; on trouble everything is given back at once.

        Peers that select namespaces are written out as they are by now.

        Raises:
            Refused, LockHeld, InputError: nothing is left behind.
            RestoreIncomplete: besides, something is; also after a defect, which is its cause.
        """
        environment: RunEnvironment | None = None
        self._stop.__enter__()
        try:
            self.story = with_selected(self.story, self.options)
            if self.options.watched:
                refuse_too_many(watched_step(self.story, [s.name for s in self.story.steps]))
            environment = RunEnvironment(self.story, self.options, self.run_id, self._stop)
            self._stack.enter_context(self.options.turn(*self._namespaces()))
            environment.open()
            pool = self._stack.enter_context(ThreadPoolExecutor(max_workers=8))
            self._step_runner = StepRunner(environment, pool)
        except BaseException as error:
            self._error = _on_purpose(error)
            self._environment = environment
            restored = self.close()
            if self._error and not restored.complete:
                raise _not_given_back(self._error, restored) from error
            raise
        self._environment = environment

    def _namespaces(self) -> tuple[set[str], set[str]]:
        """Those that the run changes, and those that it reads."""
        changed = changed_namespaces(self.story, creates=self.options.create)
        return changed | set(self.options.namespaces), named_namespaces(self.story)

    def reach(self, name: str) -> StepResult:
        """The result of a step; the steps before it are run first where they were not yet."""
        for step in self.story.steps:
            if step.name not in self._steps:
                self._steps[step.name] = self._run(step)
            if step.name == name:
                break
        return self._steps[name]

    def ask_again(self, name: str, item: str) -> StepResult:
        """
        A step in which one flow or check is asked once more; its changes stay as they are.

        Raises:
            NpolError: a later step has changed the cluster since.
        """
        first = self.reach(name)
        names = [s.name for s in self.story.steps]
        later = self.story.steps[names.index(name) + 1 :]
        if since := next((s for s in later if s.changes and s.name in self._steps), None):
            raise NpolError(
                f"{item!r} cannot be asked again: step {since.name!r} has changed the cluster since"
            )
        fresh = self._run(_only(self.story.step(name), item))
        if fresh.error:
            return fresh
        flows = {r.name: r for r in fresh.flows}
        checks = {r.name: r for r in fresh.checks}
        self._steps[name] = merged = replace(
            first,
            flows=tuple(flows.get(r.name, r) for r in first.flows),
            checks=tuple(checks.get(r.name, r) for r in first.checks),
        )
        return merged

    def tell(self, step: Step) -> StepResult:
        """
        A step that is not in the story, told now.

        Raises:
            NpolError: it could not be set up, or its policies select too much.
        """
        assert self._environment is not None
        step = self._written_out(step, self._environment.story.peers)
        self._environment.check_blast_radius(step)
        self._steps[step.name] = told = self._run(step)
        if told.error:
            raise self._error or NpolError(told.error)
        return told

    def _written_out(self, step: Step, known: Collection[str]) -> Step:
        """A step of which the story did not know, with its pairs."""
        story = with_selected(replace(self._as_written, steps=(step,)), self.options)
        ends = {end for flow in story.steps[0].flows for end in (flow.source, flow.target) if end}
        if new := sorted(ends.difference(known)):
            raise NpolError(f"selected after the run began, so it has no debug pod: {new[0]}")
        return story.steps[0]

    def watch(self, seconds: float, tell: Callable[[FlowTurn], object]) -> None:
        """
        Ask the flows of the steps that were run again and again for so long.

        Raises:
            NpolError: their ends could not be looked up.
        """
        assert self._environment is not None
        run = [name for name, step in self._steps.items() if not (step.skipped or step.error)]
        self._watch = FlowWatch(self._environment, watched_step(self.story, run), tell=tell)
        self._watch.run(seconds)

    def _run(self, step: Step) -> StepResult:
        assert self._step_runner is not None
        failed = next((s for s in self._steps.values() if s.error), None)
        if failed:
            return StepResult(name=step.name, at=step.at, error=f"step {failed.name!r} failed")
        self._asked[step.name] = step
        try:
            began = time.monotonic() - self._clock
            result = replace(self._step_runner.run(step), began=began)
            return self._with_told_beside(result, self._summed)
        except NpolError as error:
            return self._failed(step, error)
        except Exception as error:
            self._steps[step.name] = self._failed(step, Crashed(error))  # it breaks only once
            raise

    @property
    def _summed(self) -> Sequence[WhiskerFlow]:
        """What has been told by now; it comes late."""
        return self._environment.summed if self._environment else ()

    def _with_told_beside(self, result: StepResult, told: Sequence[WhiskerFlow]) -> StepResult:
        step, began = self._asked.get(result.name), self._started.timestamp() + result.began
        return with_told_beside(result, step, told, began) if step else result

    def _failed(self, step: Step, error: NpolError) -> StepResult:
        self._error = self._error or error
        return StepResult(name=step.name, at=step.at, error=str(error))

    def close(self) -> RestoreResult:
        """Give the cluster back, verified; safe to call twice, also where the first one broke."""
        if self._restore is None:
            try:
                with self._stop.restoring(), self._stack:
                    self._restore = self._give_back()
            finally:
                self._stop.__exit__(None, None, None)
        return self._restore

    def raise_kept_back(self) -> None:
        """
        Raise a signal that came while the cluster was given back, for who has more to do.

        Raises:
            Stopped: there was one, and nothing has raised it.
        """
        self._stop.raise_kept_back()

    def _give_back(self) -> RestoreResult:
        environment = self._environment
        if environment is None:
            return RestoreResult(complete=True)
        try:
            return environment.close(self._step_runner.verify if self._step_runner else None)
        except Exception as error:
            self._error = self._error or _on_purpose(error)
            self._restore = environment.close_unverified()
            raise

    @property
    def error(self) -> NpolError | None:
        """What ended the run before its end."""
        return self._error

    @property
    def requests(self) -> Mapping[str, int]:
        """How many were sent so far, by verb and resource; each exec is one."""
        return self._environment.requests if self._environment else {}

    def report(self) -> StoryReport:
        """The run as a value, at any time."""
        environment, told = self._environment, self._summed
        return StoryReport(
            story=self.story.name,
            path=self.story.path,
            run_id=self.run_id,
            started=self._started.isoformat(timespec="seconds"),
            cluster=getattr(environment, "facts", None),
            steps=tuple(self._with_told_beside(step, told) for step in self._steps.values()),
            watch=self._watch.result() if self._watch else None,
            restore=self._restore,
            error=str(self._error) if self._error else "",
            error_code=self._error.exit_code if self._error else ExitCode.AS_EXPECTED,
            stopped=self._stop.number,
            covers=self.story.shows,
            seconds=time.monotonic() - self._clock,
            execs=environment.execs if environment else 0,
            requests=sum(self.requests.values()),
            versions={"npol": __version__},
        )


def _only(step: Step, item: str) -> Step:
    """One flow or check of a step, without its changes."""
    flows = tuple(f for f in step.flows if f.told_as == item)
    checks = tuple(c for c in step.checks if c.name == item)
    return replace(step, changes=(), flows=flows, checks=checks)


def _on_purpose(error: BaseException) -> NpolError | None:
    """How a report names what ended the run; None for a signal."""
    if isinstance(error, NpolError):
        return error
    return Crashed(error) if isinstance(error, Exception) else None


def _not_given_back(error: NpolError, restored: RestoreResult) -> RestoreIncomplete:
    """The worse of two troubles leads, and neither is lost."""
    return RestoreIncomplete(
        f"{error.message}; and the cluster is not as it was found: {'; '.join(restored.problems)}",
        hint=restored.remedy,
    )
