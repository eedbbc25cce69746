"""A run as JSON, and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from npol.errors import ExitCode, InputError
from npol.report.json import (
    SCHEMA_VERSION,
    from_json,
    reports_of_log,
    result_data,
    result_from,
    to_json,
    to_json_line,
    to_json_together,
)


def test_a_run_comes_back_as_it_was(report):
    assert from_json(to_json(report)) == report


def test_a_run_that_ended_early_comes_back_as_it_was(report):
    early = replace(report, cluster=None, restore=None, steps=(), error_code=ExitCode.REFUSED)

    assert from_json(to_json(early)) == early


def test_results_come_back_as_flows_and_checks(report):
    for result in report.results:
        assert result_from(json.loads(json.dumps(result_data(result)))) == result


def test_other_programs_find_the_outcome_at_the_top(report):
    data = json.loads(to_json(report))

    assert data["schema_version"] == SCHEMA_VERSION == 3
    assert data["summary"] == {
        "exit_code": 1,
        "meaning": "a verdict differs from the story",
        "results": "6 of 8 as expected, 1 too open, 1 unknown, 1 skipped",
        "passed": False,
    }
    flow = data["report"]["steps"][1]["flows"][0]
    assert (flow["verdict"], flow["at"]["line"]) == ("too open", 31)
    assert (flow["expected"], flow["seen"], flow["outcome"]) == ("deny", "open", "open")
    assert flow["predicted"]["decided_by"] == [
        {"namespace": "shop", "name": "allow-db", "kind": "NetworkPolicy"}
    ]
    assert flow["evidence"][0]["role"] == "name"


def test_names_that_a_later_version_adds_are_left_alone(report):
    data = json.loads(to_json(report))
    data["report"]["colour"] = "blue"
    data["report"]["steps"][0]["mood"] = {}

    assert from_json(json.dumps(data)) == report


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a report of npol"),
        ("[]", "not a report of npol"),
        ("{}", "not a report of npol"),
        (b"\xff\xfe", "not a report of npol"),
        ("[" * 100_000, "not a report of npol"),
        ('{"schemaVersion": 2, "report": {}}', "the report has schema version 2, known is 3"),
        ('{"schema_version": 3, "report": {}}', "this report is damaged"),
        ('{"schema_version": 3, "report": {"story": 7}}', "this report is damaged"),
    ],
)
def test_other_files_are_refused(text, told):
    with pytest.raises(InputError, match=told):
        from_json(text)


def test_a_damaged_report_is_refused_wherever_it_is_damaged(report):
    data = json.loads(to_json(report))
    data["report"]["steps"][1]["flows"][0]["verdict"] = "fine"

    with pytest.raises(InputError, match="this report is damaged"):
        from_json(json.dumps(data))


def test_a_line_of_a_log_is_one_line_and_comes_back_as_it_was(report):
    hostile = replace(report, story="a\u2028b\n::error::x ##vso[task]")

    line = to_json_line([hostile, report])

    assert len(line.splitlines()) == 1
    assert reports_of_log(f"whatever\n{line}\nnpol: refused\n") == [hostile, report]
    assert reports_of_log("whatever\n") is None


def test_a_file_of_several_runs_is_not_taken_for_one(report):
    with pytest.raises(InputError, match="tells of 2 runs, and one is wanted"):
        from_json(to_json_together([report, report]))
