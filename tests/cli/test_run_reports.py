"""`npol run --report`: what cannot be written is refused before anything is asked."""

from types import SimpleNamespace
from typing import Any

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.run import run
from npol.errors import InputError
from tests.e2e.shop import write_shop


@pytest.fixture
def stories(tmp_path, monkeypatch):
    """Two, and no cluster that they could ask."""
    monkeypatch.setattr("npol.cli.run.target_cluster", SimpleNamespace(cluster=None))
    return [str(write_shop(tmp_path / name)) for name in "ab"]


@pytest.mark.parametrize("option", ["report", "html", "junit"])
def test_a_file_in_no_directory_is_refused(stories, tmp_path, option):
    file = str(tmp_path / "gone" / "a.xml")
    arguments: dict[str, Any] = {option: [file] if option == "report" else file}

    with pytest.raises(InputError, match="there is no directory"):
        run(RunArguments(stories=stories, **arguments))


def test_a_format_of_one_run_is_refused_for_two(stories, tmp_path):
    with pytest.raises(InputError, match="the format 'svg' holds one run, these are 2"):
        run(RunArguments(stories=stories, report=[str(tmp_path / "a.svg")]))


@pytest.mark.parametrize("option", ["dry_run", "watch"])
@pytest.mark.parametrize("wanted", [{"report": ["-"]}, {"junit": "a.xml"}, {"push": "http://p"}])
def test_reports_of_what_has_no_end_or_no_verdicts_are_refused(stories, option, wanted):
    arguments: dict[str, Any] = {option: True, **wanted}

    with pytest.raises(InputError, match=f"--{option.replace('_', '-')} writes no reports"):
        run(RunArguments(stories=stories[:1], **arguments))
