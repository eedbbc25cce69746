"""
`--npol-for DURATION`: behind a story's steps an item for each flow that is watched.

The flows are asked together while others change the cluster, once, when the first of these items
is set up; each then reads its own gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from npol.errors import InputError, NotAsExpected, NpolError
from npol.model.gap import FlowTurn, WatchedFlow, WatchResult
from npol.model.story import Flow, Step, Story
from npol.pytest_plugin.boundary import hook, without_frames
from npol.pytest_plugin.items import FlowItem, StoryFile
from npol.pytest_plugin.runs import runs_of
from npol.pytest_plugin.spelling import for_pytest
from npol.report import turn_events
from npol.report.escape import paragraph, safe
from npol.report.pytest_text import plain
from npol.report.watch_text import gap_words, gaps_in_words, turn_line
from npol.run.watchable import refuse_unwatchable, watch_seconds

WATCH = "(watch)"
"""What its node and its step are called."""


class WatchOptions:
    """A plugin of its own, registered where the option is given: one story is watched."""

    NAME = "npol-watch"

    def __init__(self, text: str, events: str | None) -> None:
        """
        Raises:
            InputError: no duration, or the events cannot be written.
        """
        self.seconds = watch_seconds(text)
        self.events = events
        turn_events.begin(events)

    @pytest.hookimpl(trylast=True)
    @hook
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        files = {item.file for item in session.items if isinstance(item, WatchItem)}
        if len(files) > 1 and not session.config.option.collectonly:
            raise InputError("--npol-for watches one story", hint="run them one by one")


class WatchNode(pytest.Collector):
    """All watched flows of one story."""

    def __init__(self, *, story: Story, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._story = story
        self._told: WatchResult | None = None
        self._trouble: NpolError | None = None

    @property
    def file(self) -> StoryFile:
        return self.parent  # type: ignore[return-value]

    @without_frames
    def collect(self) -> Iterable[pytest.Item]:
        try:
            refuse_unwatchable(self._story)
        except InputError as error:
            raise self.CollectError(paragraph(for_pytest(str(error)))) from error
        return list(self._items())

    def _items(self) -> Iterator[pytest.Item]:
        flows = {f.told_as: f for step in self._story.steps for f in step.flows}
        step = Step(name=WATCH, at=self._story.steps[-1].at, flows=tuple(flows.values()))
        for number, flow in enumerate(step.flows):
            place = (len(self._story.steps), number)
            yield WatchItem.from_parent(
                self, name=safe(flow.name), step=step, claim=flow, place=place
            )

    def asking(self, flow: Flow) -> Iterator[tuple[str, str]]:
        """The steps that ask a flow before it is watched."""
        for step in self._story.steps:
            yield from ((step.name, f.name) for f in step.flows if f.name == flow.name)

    def watch(self) -> WatchResult:
        """
        What became of the flows; they are watched at the first call.

        Raises:
            NpolError: they could not be.
        """
        if self._trouble:
            raise self._trouble
        if self._told is None:
            try:
                self._told = self._watched()
            except NpolError as error:
                self._trouble = error
                raise
        return self._told

    def _watched(self) -> WatchResult:
        run = self.file.opened()
        for step in run.story.steps:
            if trouble := run.reach(step.name).error:
                raise NpolError(trouble)
        options: Any = self.config.pluginmanager.get_plugin(WatchOptions.NAME)
        with turn_events.written(options.events) as write:

            def tell(turn: FlowTurn) -> None:
                runs_of(self.config).tell(plain(turn_line(turn)).strip())
                write(turn)

            run.watch(options.seconds, tell)
        told = run.report().watch
        assert told is not None
        return told


class WatchItem(FlowItem):
    """One flow in the whole time."""

    @property
    def file(self) -> StoryFile:
        return self._node.file

    @property
    def _node(self) -> WatchNode:
        return self.parent  # type: ignore[return-value]

    def asked(self) -> Iterator[tuple[str, str]]:
        assert isinstance(self.claim, Flow)
        return self._node.asking(self.claim)

    @without_frames
    def setup(self) -> None:
        if self.setup_only:
            return
        try:
            self._watch = self._node.watch()
        except NpolError as error:
            self._fail(error)

    @without_frames
    def runtest(self) -> None:
        flows = [f for f in self._watch.flows if f.told_as == self.claim.name]
        if wrong := [f for f in flows if f.over_budget]:
            raise FlowHadGaps(wrong)
        if unseen := [f for f in flows if f.unseen]:
            raise FlowNotSeen(unseen)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, FlowHadGaps | FlowNotSeen):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class FlowHadGaps(NotAsExpected, AssertionError):
    """A flow was otherwise for longer than it may be."""

    def __init__(self, flows: Iterable[WatchedFlow]) -> None:
        super().__init__("\n".join(_told(flow) for flow in flows))


class FlowNotSeen(NotAsExpected):
    """Nobody could ask for a while: nothing is said of that time."""

    def __init__(self, flows: Iterable[WatchedFlow]) -> None:
        super().__init__("\n".join(_told(flow) for flow in flows))


def _told(flow: WatchedFlow) -> str:
    head = f"{safe(str(flow.at))}: {safe(flow.name)}, expected {safe(flow.expected)}"
    gaps = (f"  {gap_words(gap)}" for gap in flow.gaps)
    return "\n".join((f"{head}: {gaps_in_words(flow)}", *gaps))
