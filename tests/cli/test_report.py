"""`npol report`: several files as one run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from npol.cli.arguments.report import ReportArguments, ReportFormat
from npol.cli.report import report as report_command
from npol.errors import InputError
from npol.report.formats import together
from npol.report.json import reports_from_json, to_json, to_json_line
from npol.report.write import SUFFIXES
from tests.report.conftest import report  # noqa: F401  the fixture

ONE_RUN_ONLY = {"svg", "dot", "mermaid", "text"}


@pytest.fixture
def parts(report):  # noqa: F811
    return [replace(report, path=f"{name}.npol.yaml", story=name) for name in "abc"]


@pytest.fixture
def files(parts, tmp_path):
    """One of two stories, the middle one left out, and one of that."""
    (tmp_path / "ac.json").write_text(to_json_line([parts[0], parts[2]]))
    (tmp_path / "b.json").write_text(to_json(parts[1]))
    return [str(tmp_path / "ac.json"), str(tmp_path / "b.json")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_are_merged_as_one_run_would_have_written_them(files, parts, tmp_path, suffix):
    out = tmp_path / f"all{suffix}"
    arguments = ReportArguments(files=files, report=[str(out)])

    if SUFFIXES[suffix] in ONE_RUN_ONLY:
        with pytest.raises(InputError, match="holds one run, these are 3"):
            report_command(arguments)
    else:
        assert report_command(arguments) == 0
        assert out.read_text() == together(SUFFIXES[suffix], parts)


def test_a_merged_file_can_be_merged_again(files, parts, tmp_path):
    report_command(ReportArguments(files=files, report=[str(tmp_path / "all.json")]))

    assert reports_from_json((tmp_path / "all.json").read_bytes()) == parts


def test_the_terminal_shows_each_story_and_what_they_come_to(files, capsys):
    assert report_command(ReportArguments(files=files)) == 0

    shown = capsys.readouterr().out
    assert [shown.count(f"story {name}  {name}.npol.yaml") for name in "abc"] == [1, 1, 1]
    last = shown.strip().splitlines()[-1]
    assert last.startswith("3 stories: 18 of 24 as expected, 3 too open, 3 unknown")
    assert last.endswith("exit code 1, a verdict differs from the story")


def test_two_files_that_tell_of_the_same_story_are_not_merged(files, tmp_path):
    again = shutil.copy(files[1], tmp_path / "again.json")

    with pytest.raises(InputError, match="both tell of story b") as refused:
        report_command(ReportArguments(files=[*files, str(again)]))

    assert "--against" in refused.value.hint


def test_several_runs_are_compared_with_nothing(files):
    with pytest.raises(InputError, match="compares one run with another, these are 3"):
        report_command(ReportArguments(files=files, against=files[1]))


@pytest.mark.parametrize("given", [{}, {"files": ["a.json"], "job": "smoke"}])
def test_one_of_files_and_job_is_needed(given):
    with pytest.raises(InputError, match="either files or --job"):
        report_command(ReportArguments(**given))


def test_the_head_of_several_runs_is_the_worst_of_them(parts):
    data = json.loads(together("json", parts))

    assert data["summary"]["exit_code"] == 1
    assert data["summary"]["results"].startswith("18 of 24 as expected")
    assert [one["story"] for one in data["reports"]] == ["a", "b", "c"]


def test_no_run_at_all_is_as_expected(capsys, tmp_path):
    (tmp_path / "none.json").write_text(to_json_line([]))

    shape = ReportFormat.JSON
    assert report_command(ReportArguments(files=[str(tmp_path / "none.json")], shape=shape)) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["exit_code"] == 0
