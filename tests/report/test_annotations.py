"""GitHub annotations."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from npol.cli.run import tell
from npol.model.reason import Reason, ReasonCode
from npol.report.annotations import workflow_commands
from npol.report.terminal import Terminal


def test_each_failure_is_an_error_at_its_line(report):
    first, second = workflow_commands([report])

    assert first == (
        "::error file=shop.npol.yaml,line=31,col=7,title=deny all%3A frontend loses the database"
        "::too open: expected deny, seen open;"
        " open: ClusterIP 10.96.1.2:5432, pod db-0 10.244.2.9:5432"
    )
    assert second.startswith("::error file=shop.npol.yaml,line=31,col=7,title=deny all%3A stranger")


def test_more_than_nine_are_counted(report, failure):
    step = replace(report.steps[1], flows=(failure,) * 30)
    lines = list(workflow_commands([replace(report, steps=(step,))]))

    assert len(lines) == 10
    assert lines[-1] == "::error title=npol::and 21 more"


def test_a_text_cannot_start_a_command_of_its_own(report, failure):
    why = Reason(code=ReasonCode.NO_ROUTE, said="100%\r\n::warning::z")
    evil = replace(failure, name="a\n::set-env name=x::y", reason=why)
    step = replace(report.steps[1], flows=(evil,))
    (line,) = workflow_commands([replace(report, steps=(step,))])

    assert "\n" not in line
    assert r"title=deny all%3A a\n\x3a%3Aset-env name=x%3A%3Ay::" in line
    assert line.endswith(r"; 100%25\r\n\x3a:warning::z")


def test_a_run_as_expected_says_nothing(report):
    assert list(workflow_commands([replace(report, steps=report.steps[:1])])) == []


@pytest.fixture
def printed(report, capsys):
    """What telling a run prints, whose report is this one."""
    steps = {step.name: step for step in report.steps}
    run: Any = SimpleNamespace(
        story=SimpleNamespace(name=report.story, path=report.path, steps=report.steps),
        options=SimpleNamespace(disposable=True),
        open=lambda: None,
        reach=steps.__getitem__,
        close=lambda: None,
        report=lambda: report,
    )

    def lines():
        tell(run, Terminal())
        return capsys.readouterr().out.splitlines()

    return lines


def test_failing_flows_are_marked_at_their_lines_in_a_github_workflow(printed, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    marked = [line for line in printed() if line.startswith("::error file=shop.npol.yaml,line=31,")]

    assert len(marked) == 2


def test_nothing_is_marked_elsewhere(printed, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    assert not any(line.startswith("::") for line in printed())
