"""What pytest collects: a story file, its steps, and an item for each flow and check."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from npol.errors import Crashed, NotAsExpected, NotEnforced, NpolError
from npol.model.expectation import Verdict
from npol.model.result import CheckResult
from npol.model.selection import Selection, replayed
from npol.model.story import Flow, StateCheck, Step, Story
from npol.pytest_plugin.boundary import without_frames
from npol.pytest_plugin.failure_repr import Result, failure_repr
from npol.pytest_plugin.rootdir import story_root
from npol.pytest_plugin.runs import runs_of
from npol.pytest_plugin.spelling import for_pytest
from npol.report.checks import rests_on_itself
from npol.report.escape import paragraph, safe
from npol.report.reasons import reason_words
from npol.report.seen_and_why import seen_words

if TYPE_CHECKING:
    from npol.run import StoryRun


class StoryFile(pytest.File):
    """One story; all of its items share one run."""

    story: Story
    run: StoryRun | None = None
    trouble: NpolError | None = None
    """Why the run could not be opened; the file's other items say the same."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.explained: dict[Hashable, str] = {}
        """Which item has explained a cause of failures, by `cause_key`."""

    @without_frames
    def collect(self) -> Iterable[pytest.Collector]:
        from npol.story import load_story  # pydantic: only where a story is

        overlay = self.config.getoption("--npol-peers")
        try:
            root = story_root(self.config, self.path)
            story = load_story(_shown(self.path), root=root, overlay=overlay)
        except NpolError as error:
            raise self.CollectError(_words(error)) from error
        self.story = story
        self._note_tags()
        _mark(self, story.tags)
        steps = (
            StepNode.from_parent(self, name=node_name(step), step=step, place=place)
            for place, step in enumerate(story.steps)
        )
        return [*steps, *self._watch()]

    def _watch(self) -> Iterable[pytest.Collector]:
        if self.config.getoption("--npol-for"):
            from npol.pytest_plugin.watching import WATCH, WatchNode  # it knows the items

            yield WatchNode.from_parent(self, name=WATCH, story=self.story)

    def _note_tags(self) -> None:
        from npol.pytest_plugin.reports import ItemReports  # it knows the items

        reports: Any = self.config.pluginmanager.get_plugin(ItemReports.NAME)
        of_steps = {tag for step in self.story.steps for tag in step.tags}
        of_flows = {tag for step in self.story.steps for flow in step.flows for tag in flow.tags}
        reports.tags |= {*self.story.tags, *of_steps, *of_flows}

    def result(self, step: str, name: str, *, again: bool = False) -> Result:
        """
        What became of a flow or check; whatever comes before it is run first, if need be.

        `again`: it is asked anew, as a rerun of the item wants it.

        Raises:
            NpolError: the step could not be set up.
        """
        if again:
            self.trouble = None
        again = again and self.run is not None
        run = self.opened()
        reached = run.ask_again(step, name) if again else run.reach(step)
        if reached.error:
            if isinstance(run.error, NotEnforced):
                runs_of(self.config).end_session(run.error)
            raise NpolError(reached.error)
        return next(r for r in reached.results if r.name == name)

    def opened(self) -> StoryRun:
        """
        The run of its items.

        Raises:
            NpolError: it could not be opened, now or when it was tried first.
        """
        if self.trouble:
            raise self.trouble
        try:
            self.run = self.run or self._open()
        except Exception as error:
            self.trouble = error if isinstance(error, NpolError) else Crashed(error)
            raise
        return self.run

    def _open(self) -> StoryRun:
        return runs_of(self.config).open(replayed(self.story, self._selection()))

    def _selection(self) -> Selection:
        """The items of this file that pytest is going to run."""
        items = [i for i in self.session.items if isinstance(i, FlowItem) and i.file is self]
        return Selection(frozenset(asked for item in items for asked in item.asked()))

    @without_frames
    def teardown(self) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        try:
            runs_of(self.config).close(run)
        except NpolError as error:
            pytest.fail(f"npol: {_words(error)}", pytrace=False)
        finally:
            run.raise_kept_back()  # else the next file's story would begin


class StepNode(pytest.Collector):
    """One step."""

    def __init__(self, *, step: Step, place: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.place = place

    def collect(self) -> Iterable[pytest.Item]:
        _mark(self, self.step.tags)
        claims: list[Flow | StateCheck] = [*self.step.checks, *self.step.flows]
        for place, claim in enumerate(claims):
            name, where = safe(claim.name), (self.place, place)
            yield FlowItem.from_parent(self, name=name, step=self.step, claim=claim, place=where)


def node_name(step: Step) -> str:
    """
    A step's name in node ids.

    pytest takes all behind a bracket for the parameters of a test: a flow behind a step that has
    one could be named by nobody, and a JUnit report named it wrong.
    """
    return safe(step.name).translate(str.maketrans("[]", "()"))


class FlowItem(pytest.Item):
    """One flow or state check of one step."""

    def __init__(
        self, *, step: Step, claim: Flow | StateCheck, place: tuple[int, int], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.claim = claim
        self.place = place
        self.result: Result | None = None
        self._trouble: NpolError | None = None
        self._tries = 0
        _mark(self, claim.tags if isinstance(claim, Flow) else ())

    @property
    def file(self) -> StoryFile:
        return self.parent.parent  # type: ignore[union-attr, return-value]

    @property
    def setup_only(self) -> bool:
        """Whether pytest runs no test (`--setup-only`, `--setup-plan`): nothing may be asked."""
        return bool(self.config.getoption("setuponly"))

    def asked(self) -> Iterable[tuple[str, str]]:
        """The results that it is about: by step and name."""
        yield self.step.name, self.claim.name

    def _initrequest(self) -> None:
        """Begin with fresh fixtures, which pytest-retry asks of every item; there are none."""

    @without_frames
    def setup(self) -> None:
        if self.setup_only:
            return
        again, self._tries = self._tries > 0, self._tries + 1
        self.result = self._trouble = None
        try:
            self.result = self.file.result(self.step.name, self.claim.name, again=again)
        except NpolError as error:
            self._trouble = error
            self._fail(error)

    def _fail(self, error: NpolError) -> None:
        pytest.fail(f"npol: {_words(error)}", pytrace=False)

    @without_frames
    def runtest(self) -> None:
        if self._trouble:  # pytest-retry goes on after a set-up that failed
            self._fail(self._trouble)
        result = self.result
        assert result is not None
        self._tell(result)
        if result.skipped:
            pytest.skip(safe(reason_words(result.skipped)))
        if not result.passed:
            raise FlowUnknown(result) if _inconclusive(result) else FlowFailed(result)
        if isinstance(result, CheckResult) and result.cannot_fail:
            pytest.skip(safe(f"cannot fail: {rests_on_itself(result.cannot_fail)}"))

    def _tell(self, result: Result) -> None:
        """Properties of the report: of this try, not of those before it."""
        told = {"expected": str(result.expected), "seen": seen_words(result)}
        told["verdict"] = result.verdict.value
        others = [p for p in self.user_properties if p[0] not in told]
        self.user_properties[:] = [*others, *told.items()]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, FlowFailed | FlowUnknown):
            return failure_repr(self, excinfo.value.result, self.file.explained)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.at.line - 1, safe(f"{self.step.name}: {self.name}")


class FlowFailed(NotAsExpected, AssertionError):
    """A flow or check is not as expected."""

    def __init__(self, result: Result) -> None:
        super().__init__(_verdict(result))
        self.result = result


class FlowUnknown(NotAsExpected):
    """Nothing is known of a flow or check: no assertion that failed, and no success either."""

    def __init__(self, result: Result) -> None:
        super().__init__(_verdict(result))
        self.result = result


def _verdict(result: Result) -> str:
    return safe(f"{result.name}: {result.verdict.value}")


def _inconclusive(result: Result) -> bool:
    return result.verdict in (Verdict.UNKNOWN, Verdict.INVALID)


def _mark(node: pytest.Collector | pytest.Item, tags: Iterable[str]) -> None:
    for tag in tags:
        node.config.addinivalue_line("markers", f"{tag}: tag of a story")
        node.add_marker(tag)


def _words(error: NpolError) -> str:
    return paragraph(for_pytest(str(error)))


def _shown(path: Path) -> str:
    """As messages name it: from where pytest was started, if it is below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
