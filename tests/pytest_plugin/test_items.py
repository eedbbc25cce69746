"""What an item says of its flow, by runs that are made up: no cluster is asked."""

import signal
import xml.etree.ElementTree as ElementTree
from typing import ClassVar

import pytest

from npol.errors import InputError, LockHeld, NpolError
from npol.kube.signals import Stopped
from npol.model.expectation import Outcome, Verdict
from npol.model.result import FlowResult, RestoreResult, StepResult, StoryReport
from npol.pytest_plugin.items import FlowFailed, FlowUnknown
from npol.target_cluster import TargetCluster


class Told:
    """A run whose flows have the verdicts that the test says, one after the other."""

    verdicts: ClassVar = [Verdict.AS_EXPECTED]
    trouble: NpolError | None = None
    kept_back = 0
    """The signal that came while the cluster was given back."""
    opened = 0
    asked: ClassVar[list] = []
    again: ClassVar[list] = []

    def __init__(self, story, options):
        self.story, self.options = story, options

    def open(self):
        type(self).opened += 1
        if self.opened == 1 and self.trouble:
            raise self.trouble

    def reach(self, name):
        step = self.story.step(name)
        self.asked.append(name)
        verdict = self.verdicts[min(len(self.asked), len(self.verdicts)) - 1]
        flows = (
            FlowResult(
                name=flow.name,
                at=flow.at,
                step=step.name,
                source=flow.source,
                target=flow.target,
                expected=flow.expect,
                verdict=verdict,
                outcome=Outcome.OPEN,
                settled_after=place + 0.25,
            )
            for place, flow in enumerate(step.flows)
        )
        return StepResult(name=name, at=step.at, flows=tuple(flows))

    def ask_again(self, name, item):
        self.again.append((name, item))
        return self.reach(name)

    def raise_kept_back(self):
        if self.kept_back:
            raise Stopped(self.kept_back)

    def close(self):
        return RestoreResult(complete=True)

    def report(self):
        return StoryReport(story=self.story.name, path="", run_id="r", started="")


@pytest.fixture
def told(monkeypatch):
    """The class of the runs, to be told what comes."""
    runs = type("Runs", (Told,), {"asked": [], "again": []})
    where = TargetCluster(kubeconfig="config", context="dev", is_lab=False)
    monkeypatch.setattr("npol.run.StoryRun", runs)
    monkeypatch.setattr("npol.pytest_plugin.runs.Runs.where", lambda self: where)
    return runs


class Failures:
    """A plugin that keeps the exceptions of tests, as allure does."""

    def __init__(self):
        self.kinds = {}

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo:
            self.kinds[item.name] = call.excinfo.type


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (Verdict.TOO_OPEN, FlowFailed),
        (Verdict.TOO_CLOSED, FlowFailed),
        (Verdict.WRONG_ANSWER, FlowFailed),
        (Verdict.FLAPPING, FlowFailed),
        (Verdict.UNKNOWN, FlowUnknown),
        (Verdict.INVALID, FlowUnknown),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_what_differs_is_an_assertion_and_what_is_unknown_another_failure(
    shop, told, verdict, kind
):
    told.verdicts = [verdict]
    failures = Failures()

    result = shop.runpytest_inprocess("-k", "closed", plugins=[failures])

    result.assert_outcomes(failed=1, deselected=4)
    assert failures.kinds == {"the shop is closed": kind}
    assert issubclass(kind, AssertionError) is (kind is FlowFailed)


def test_a_run_that_cannot_be_opened_is_an_error(shop, told):
    told.trouble = LockHeld("namespace shop is held", hint="--wait SECONDS")

    result = shop.runpytest_inprocess("-k", "closed")

    result.assert_outcomes(errors=1, deselected=4)
    result.stdout.fnmatch_lines(["*npol: namespace shop is held", "*try: --npol-wait SECONDS"])


def test_a_signal_while_a_story_is_given_back_keeps_the_next_one_from_beginning(shop, told):
    told.kept_back = signal.SIGTERM
    (shop.path / "z.npol.yaml").write_bytes((shop.path / "shop.npol.yaml").read_bytes())

    result = shop.runpytest_inprocess("-k", "open", no_reraise_ctrlc=True)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert told.asked == ["open", "open"]


def test_each_flow_has_its_own_time_in_junit(shop, told):
    shop.runpytest_inprocess("--junitxml=out.xml", "-k", "open")

    cases = ElementTree.parse(shop.path / "out.xml").iter("testcase")
    assert {c.get("name"): c.get("time") for c in cases} == {
        "the shop answers": "0.250",
        "its name resolves": "1.250",
    }


@pytest.mark.parametrize(
    ("verdict", "outcome", "line"),
    [
        (Verdict.AS_EXPECTED, "xpassed", "1 of 1 as expected"),
        (Verdict.TOO_OPEN, "xfailed", "0 of 1 as expected, 1 too open"),
    ],
)
def test_a_flow_that_is_known_to_fail_is_in_the_summary(shop, told, verdict, outcome, line):
    told.verdicts = [verdict]
    shop.makeconftest(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    [item.add_marker(pytest.mark.xfail) for item in items]\n"
    )

    result = shop.runpytest_inprocess("-k", "closed")

    result.assert_outcomes(**{outcome: 1}, deselected=4)
    result.stdout.fnmatch_lines(["*= connectivity =*", f"*{line}*"])


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_no_cluster_is_asked_where_pytest_runs_no_test(shop, told, option):
    result = shop.runpytest_inprocess(option)

    assert (result.ret, told.opened) == (0, 0)
    result.stdout.fnmatch_lines(["*shop.npol.yaml::deny all::the shop is closed*"])


def test_a_report_that_cannot_be_written_is_refused_at_the_start(shop, told):
    (shop.path / "file").touch()

    result = shop.runpytest_inprocess("--npol-report=file/reports")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: file/reports: not a directory: */file"])
    assert told.opened == 0


def test_a_report_that_is_lost_hides_no_cluster_that_is_not_as_it_was(shop, told, monkeypatch):
    def lost(*_):
        raise InputError("reports: No space left on device")

    monkeypatch.setattr("npol.report.write.write_report", lost)
    left = RestoreResult(complete=False, problems=("a/b is there",), remedy="npol recover r")
    monkeypatch.setattr(told, "close", lambda self: left)

    result = shop.runpytest_inprocess("-k", "open", "--npol-report=reports")

    assert result.ret == 6
    result.stdout.fnmatch_lines(["*NOT as it was found; run: npol recover r"])


def test_flows_behind_a_step_with_brackets_can_be_named(shop, told):
    story = shop.path / "shop.npol.yaml"
    story.write_text(story.read_text().replace("name: deny all", "name: 'deny [all]'"))
    flow = "shop.npol.yaml::deny (all)::the shop is closed"

    result = shop.runpytest_inprocess(flow, "--junitxml=out.xml")

    result.assert_outcomes(passed=1)
    assert told.asked == ["deny [all]"]
    (case,) = ElementTree.parse(shop.path / "out.xml").iter("testcase")
    assert case.get("classname") == "shop.npol.yaml.deny (all)"
    assert case.get("name") == "the shop is closed"


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        (
            "smoke and slow",
            "npol: no flow of the stories matches -m 'smoke and slow'; their tags: slow, smoke",
        ),
        ("slow", None),
        ("", None),
    ],
)
def test_tags_are_said_where_none_matches(shop, told, expression, line):
    result = shop.runpytest_inprocess("-m", expression)

    said = [text for text in result.outlines if "their tags" in text]
    assert said == [line] * bool(line)


AGAIN = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    '''Once more, as rerunfailures does it.'''
    for _ in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


def test_a_rerun_opens_again_what_could_not_be_opened(shop, told):
    told.trouble = LockHeld("namespace shop is held")
    shop.makeconftest(AGAIN)

    result = shop.runpytest_inprocess("-k", "closed")

    result.assert_outcomes(passed=1, deselected=4)
    assert told.opened == 2


def test_a_rerun_has_the_properties_of_its_own_try(shop, told):
    told.verdicts = [Verdict.TOO_OPEN, Verdict.AS_EXPECTED]
    shop.makeconftest(AGAIN)

    result = shop.runpytest_inprocess("-k", "closed", "--junitxml=out.xml")

    result.assert_outcomes(passed=1, deselected=4)
    properties = ElementTree.parse(shop.path / "out.xml").iter("property")
    assert [p.get("value") for p in properties if p.get("name") == "verdict"] == ["as expected"]


def test_a_rerun_asks_the_network_again_and_a_first_try_does_not(shop, told):
    """The last item's first try has closed the run, so its second opens another."""
    shop.makeconftest(AGAIN)

    shop.runpytest_inprocess().assert_outcomes(passed=5)

    assert [step for step, _ in told.again] == ["open", "open", "deny all", "rollback"]


SHUFFLES = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # As pytest-randomly does: items that are of no module are shuffled as one.
    items[:] = [*items[3::-1], *items[:3:-1]]
"""


def test_steps_keep_their_order_and_stories_their_items_together(shop, told):
    (shop.path / "bank.npol.yaml").write_text((shop.path / "shop.npol.yaml").read_text())
    shop.makeconftest(SHUFFLES)

    result = shop.runpytest_inprocess("--co", "-q")

    lines = [line.split("::") for line in result.outlines if "::" in line]
    steps = ["open", "open", "deny all", "rollback", "rollback"]
    assert [name for _, name, _ in lines] == steps * 2
    assert len({file for file, *_ in lines[:5]}) == 1
