"""Defects of npol under pytest: masked, with an exit code of their own, the cluster given back."""

from __future__ import annotations

import json

import pytest

from npol.model.reason import Reason, ReasonCode
from npol.model.result import RestoreResult, StepResult, StoryReport
from npol.run.flow_result import skipped_flow
from npol.run.story_run import StoryRun
from npol.target_cluster import TargetCluster

PLANTED = "Kz93b1f2c4d5"
LOUD = ("-vv", "-l", "--tb=long", "--showlocals", "--junitxml=junit.xml")
IN_PYTHON = """
    def test_flow(netpol):
        with netpol(peers={"web": {"namespace": "shop", "labels": {"app": "web"}}}) as net:
            net.expect("web -> web:80", "deny")
"""


def broken(*_, **__):
    """What a part of npol does that is to break: a secret in its hands, and in its words."""
    secret = {"data": {"password": PLANTED}}
    raise KeyError(json.dumps(secret))


class Broken:
    """A run that breaks at `at`, and what it leaves of the cluster."""

    restored = RestoreResult(complete=True)
    at = "reach"

    def __init__(self, story, options):
        self.story = story
        self.options = options
        self.closed = False

    def open(self):
        if self.at == "open":
            broken()

    def reach(self, name):
        broken()

    def raise_kept_back(self):
        """No signal came."""

    def close(self):
        if self.at == "close" and not self.closed:
            self.closed = True
            broken()
        return self.restored

    def report(self):
        return StoryReport(story=self.story.name, path="", run_id="r", started="")


class Unasked(Broken):
    """A run whose flows were not judged: nothing of it breaks."""

    def reach(self, name):
        step = self.story.step(name)
        flows = tuple(
            skipped_flow(f, name, Reason(code=ReasonCode.NO_ROUTE, said="not asked"))
            for f in step.flows
        )
        return StepResult(name=name, at=step.at, flows=flows)


@pytest.fixture
def session(shop, monkeypatch):
    """Run pytest so that it shows as much as it can; all that it wrote."""
    where = TargetCluster(kubeconfig="config", context="dev", is_lab=False)
    monkeypatch.setattr("npol.pytest_plugin.runs.Runs.where", lambda self: where)

    def run(*options):
        result = shop.runpytest_inprocess(*LOUD, *options)
        junit = shop.path / "junit.xml"
        shown = f"{result.stdout}\n{result.stderr}\n{junit.read_text() if junit.exists() else ''}"
        assert PLANTED not in shown
        return result.ret, shown

    return run


LEFT = RestoreResult(complete=False, problems=("no answer",), remedy="npol recover --x")


@pytest.mark.parametrize(
    ("at", "restored", "code"),
    [
        ("open", RestoreResult(complete=True), 70),
        ("reach", RestoreResult(complete=True), 70),
        ("close", LEFT, 6),
    ],
    ids=["open", "reach", "close-not-restored"],
)
def test_a_defect_of_a_run_is_masked_and_ends_with_its_code(
    session, monkeypatch, at, restored, code
):
    monkeypatch.setattr(Broken, "at", at)
    monkeypatch.setattr(Broken, "restored", restored)
    monkeypatch.setattr("npol.run.StoryRun", Broken)

    ended, shown = session()

    assert ended == code
    assert "npol itself broke" in shown
    assert "in broken" in shown
    assert ("run: npol recover --x" in shown) is (code == 6)


@pytest.mark.parametrize(
    "part",
    [
        "npol.report.pytest_text.session_summary",
        "npol.pytest_plugin.session_results.SessionResults.as_json",
        "npol.story.load_story",
    ],
)
def test_a_defect_of_a_hook_is_masked_and_ends_with_its_code(session, shop, monkeypatch, part):
    monkeypatch.setattr(part, broken)
    if "load_story" not in part:
        monkeypatch.setattr("npol.run.StoryRun", Unasked)

    ended, shown = session()

    assert ended == 70
    assert "npol itself broke" in shown


def test_a_defect_in_a_story_written_in_python_is_masked(session, shop, monkeypatch):
    monkeypatch.setattr(StoryRun, "open", broken)
    shop.makepyfile(IN_PYTHON)

    ended, shown = session("-k", "test_flow")

    assert ended == 70
    assert "npol itself broke" in shown


def test_a_failure_in_a_story_written_in_python_shows_the_tests_own_frames_only(
    session, shop, monkeypatch
):
    def refused(run):
        from npol.errors import Refused

        secret = PLANTED
        raise Refused(f"no: {secret[:2]}")

    monkeypatch.setattr(StoryRun, "open", refused)
    shop.makepyfile(IN_PYTHON)

    ended, shown = session("-k", "test_flow", "--full-trace")

    assert ended == 1
    assert "net.expect" in shown
    assert "no: Kz" in shown
    assert "in refused" not in shown
