"""GitHub annotations."""

from __future__ import annotations

from dataclasses import replace

from npol.model.reason import Reason, ReasonCode
from npol.model.sentence import Sentence
from npol.report.annotations import workflow_commands


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
    why = Reason(code=ReasonCode.OPEN, words=Sentence("100%\r\n::warning::z"))
    evil = replace(failure, name="a\n::set-env name=x::y", reason=why)
    step = replace(report.steps[1], flows=(evil,))
    (line,) = workflow_commands([replace(report, steps=(step,))])

    assert "\n" not in line
    assert r"title=deny all%3A a\n\x3a%3Aset-env name=x%3A%3Ay::" in line
    assert line.endswith(r"; 100%25\r\n\x3a:warning::z")


def test_a_run_as_expected_says_nothing(report):
    assert list(workflow_commands([replace(report, steps=report.steps[:1])])) == []
