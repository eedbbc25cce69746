"""A run that ended early is no clean page where code is reviewed."""

import json
from dataclasses import replace

import pytest

from npol.model.result import RestoreResult
from npol.report.annotations import MOST, workflow_commands
from npol.report.findings import to_gitlab, to_sarif
from npol.report.html import to_html
from npol.report.markdown import to_markdown
from npol.report.summary import counted
from npol.report.tap import to_tap
from npol.report.troubles import troubles

ERROR = "the debug pod does not run\n  try: --start-within SECONDS"


@pytest.fixture
def early(report):
    """It ended before its first step."""
    return replace(report, steps=(), restore=None, error=ERROR)


def test_a_run_that_ended_early_is_a_finding_at_its_story(early):
    said = "the run ended early: the debug pod does not run try: --start-within SECONDS"

    (issue,) = json.loads(to_gitlab([early]))
    (result,) = json.loads(to_sarif([early]))["runs"][0]["results"]
    (line,) = workflow_commands([early])

    assert issue["description"] == result["message"]["text"] == said
    assert issue["location"] == {"path": "shop.npol.yaml", "lines": {"begin": 1}}
    assert issue["check_name"] == result["ruleId"] == "npol/trouble"
    assert line == f"::error file=shop.npol.yaml,line=1,title=npol::{said}"


def test_each_finding_of_sarif_has_a_rule(early):
    (run,) = json.loads(to_sarif([early]))["runs"]

    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= rules


def test_a_step_that_could_not_be_done_is_told_at_its_line_and_once(report):
    step = replace(report.steps[1], error=ERROR)

    (one,) = troubles(replace(report, steps=(step,), error=""))
    (both,) = troubles(replace(report, steps=(step,), error=ERROR))

    assert (one.at, one.about) == (step.at, step.name)
    assert both.about == "the run ended early"


def test_a_cluster_that_is_not_as_it_was_is_told(report):
    left = RestoreResult(complete=False, problems=("policy a/b is there",))

    (one,) = troubles(replace(report, restore=left))

    assert one.words.startswith("restore: ")
    assert "policy a/b is there" in one.words


def test_a_run_with_results_has_no_trouble(report):
    assert list(troubles(replace(report, error=""))) == []


def test_troubles_come_before_failures_of_which_only_some_are_annotated(report):
    failing = replace(report, error=ERROR, steps=report.steps * MOST)

    first, *_, last = workflow_commands([failing])

    assert "the run ended early" in first
    assert " more" in last


def test_in_tap_what_to_try_is_a_line_of_its_own(early):
    lines = to_tap([early]).splitlines()

    assert lines[2:] == [
        "not ok 1 - shop: the debug pod does not run",
        "  ---",
        "  try: '--start-within SECONDS'",
        "  ...",
    ]


def test_nothing_asked_is_no_part_of_nothing(early):
    assert counted([]) == "nothing was asked"
    assert "0 of 0" not in to_markdown([early]) + to_html([early, early])
