"""`--npol-for`: a story's flows as items a second time, for the time in which they are watched."""

import json
import shutil

import pytest

from npol.model.gap import FlowTurn, Gap, GapBudget, GapKind, WatchedFlow, WatchResult
from npol.model.result import StoryReport
from tests.e2e.shop import STEPS, write_shop
from tests.pytest_plugin.test_items import Told, told

__all__ = ["told"]
UNCHANGED = STEPS.partition("  - name: deny all")[0]
ANSWERS = "the shop answers"


def gap(kind, seconds):
    return Gap(kind=kind, began=1.0, seconds=seconds, at_least=seconds, at_most=seconds, over=True)


class Watched(Told):
    """A run whose flows have these gaps while they are watched."""

    gaps: dict = {}  # noqa: RUF012  set by each test
    watches = 0

    def watch(self, seconds, tell):
        type(self).watches += 1
        self.seconds = seconds
        tell(FlowTurn(time="t", flow=ANSWERS, expected="allow", saw=GapKind.CLOSED, lasted=1.0))

    def report(self):
        flows = tuple(
            WatchedFlow(
                name=flow.name,
                at=flow.at,
                expected="allow",
                tries=9,
                gaps=self.gaps.get(flow.name, ()),
                budget=GapBudget(closed=1.0),
                told_as=flow.told_as,
            )
            for step in self.story.steps
            for flow in step.flows
        )
        watch = WatchResult(started="", seconds=60.0, flows=flows)
        return StoryReport(story="shop", path="", run_id="r", started="", watch=watch)


@pytest.fixture
def watched(shop, told, monkeypatch):
    """The class of the runs, and the shop's story without changes."""
    write_shop(shop.path, UNCHANGED)
    runs = type("Runs", (Watched, told), {"asked": [], "gaps": {}})
    monkeypatch.setattr("npol.run.StoryRun", runs)
    return runs


@pytest.mark.parametrize(
    ("gaps", "outcomes"),
    [
        pytest.param((), {"passed": 4}, id="none"),
        pytest.param((gap(GapKind.CLOSED, 0.5),), {"passed": 4}, id="within-the-budget"),
        pytest.param((gap(GapKind.CLOSED, 1.5),), {"passed": 3, "failed": 1}, id="over-it"),
        pytest.param((gap(GapKind.NOT_SEEN, 2.0),), {"passed": 3, "failed": 1}, id="not-seen"),
    ],
)
def test_a_flow_fails_by_its_own_gaps(shop, watched, gaps, outcomes):
    watched.gaps = {ANSWERS: gaps}

    result = shop.runpytest_inprocess("--npol-for", "1m")

    result.assert_outcomes(**outcomes)
    assert watched.watches == 1
    if "failed" in outcomes:
        (one,) = gaps
        result.stdout.fnmatch_lines([f"*{ANSWERS}, expected allow: {one.kind.value} for *"])


def test_the_watch_alone_asks_the_steps_of_its_flow_before(shop, watched):
    result = shop.runpytest_inprocess("--npol-for", "1m", "-k", "watch and resolves")

    result.assert_outcomes(passed=1, deselected=3)
    assert watched.asked == ["open"]


def test_each_turn_is_a_line_of_the_events(shop, watched):
    shop.runpytest_inprocess("--npol-for", "1m", "--npol-events", "turns")

    (line,) = (shop.path / "turns").read_text().splitlines()
    assert json.loads(line)["saw"] == "closed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--npol-for", "10"], "--npol-for: not a valid duration: '10'"),
        (["--npol-events", "turns"], "--npol-events tells what --npol-for sees"),
    ],
    ids=["no-duration", "nothing-to-tell"],
)
def test_options_that_say_nothing_are_usage_errors(shop, watched, options, said):
    result = shop.runpytest_inprocess(*options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in str(result.stderr)


def test_a_story_that_changes_the_cluster_is_not_collected(shop, told):
    result = shop.runpytest_inprocess("--npol-for", "1m")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["shop.npol.yaml:*: --npol-for watches flows while others *"])


def test_two_stories_are_not_watched_together(shop, watched):
    shutil.copy(shop.path / "shop.npol.yaml", shop.path / "again.npol.yaml")

    result = shop.runpytest_inprocess("--npol-for", "1m")

    assert watched.watches == 0
    assert "--npol-for watches one story" in f"{result.stdout}{result.stderr}"


def test_nothing_is_watched_where_pytest_runs_no_test(shop, watched):
    result = shop.runpytest_inprocess("--npol-for=1m", "--setup-plan")

    assert (result.ret, watched.opened, watched.watches) == (0, 0, 0)
