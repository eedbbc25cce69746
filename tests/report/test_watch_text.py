"""What watched flows did, in every report that tells of it."""

from dataclasses import replace

import pytest

from npol.errors import ExitCode, Position
from npol.model.gap import FlowTurn, Gap, GapBudget, GapKind, WatchedFlow, WatchResult
from npol.model.result import StoryReport
from npol.report.html import to_html
from npol.report.json import from_json, to_json
from npol.report.junit import to_junit
from npol.report.summary import summary_line
from npol.report.watch_text import turn_line, watch_line, watch_lines

CLOSED = Gap(kind=GapKind.CLOSED, began=12.3, seconds=1.8, at_least=1.7, at_most=1.9, over=True)
FINE = WatchedFlow(
    name="web -> db:5432", at=Position("a.npol.yaml", 7, 9), expected="allow", tries=9
)
BROKEN = replace(FINE, gaps=(CLOSED,))


def report(*flows):
    watch = WatchResult(started="2026-11-29T09:00:00.000+00:00", seconds=60.0, flows=flows)
    started = "2026-11-29T09:00:00+00:00"
    return StoryReport(story="s", path="a.npol.yaml", run_id="r", started=started, watch=watch)


def text(lines):
    return ["".join(part.text for part in line) for line in lines]


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        pytest.param(FINE, ExitCode.AS_EXPECTED, id="no-gap"),
        pytest.param(BROKEN, ExitCode.DIFFERS, id="a-gap"),
        pytest.param(
            replace(BROKEN, budget=GapBudget(closed=2.0)), ExitCode.AS_EXPECTED, id="in-budget"
        ),
        pytest.param(
            replace(BROKEN, budget=GapBudget(open=2.0)), ExitCode.DIFFERS, id="budget-of-others"
        ),
        pytest.param(
            replace(FINE, gaps=(replace(CLOSED, kind=GapKind.NOT_SEEN),)),
            ExitCode.UNKNOWN,
            id="not-seen",
        ),
        pytest.param(
            replace(BROKEN, gaps=(replace(CLOSED, kind=GapKind.WRONG_ANSWER),)),
            ExitCode.DIFFERS,
            id="wrong-answer",
        ),
    ],
)
def test_a_watched_flow_decides_the_exit_code_by_its_budget(flow, code):
    assert report(FINE, flow).exit_code is code


def test_gaps_are_told_with_what_they_are_measured_to():
    assert text(watch_lines(report(FINE, BROKEN).watch)) == [
        "",
        "watched for 60.0 s: 1 of 2 flows as expected all the time",
        "  web -> db:5432, expected allow: closed for 1.8 s in all, 0.0 s allowed",
        "    closed at 12.3 s for 1.8 s (1.7 s to 1.9 s)",
    ]


def test_a_gap_within_its_budget_is_told_and_forgiven():
    forgiven = report(replace(BROKEN, budget=GapBudget(closed=2.0)))

    assert watch_line(forgiven.watch).endswith(
        "1 of 1 flows as expected all the time or within their budgets"
    )
    assert "closed for 1.8 s in all, 2.0 s allowed" in "\n".join(text(watch_lines(forgiven.watch)))


def test_a_turn_is_a_line_with_its_time():
    turn = FlowTurn(
        time="2026-11-29T09:14:02.512+00:00",
        flow="web -> db:5432",
        expected="allow",
        saw=GapKind.CLOSED,
        lasted=3.0,
    )

    assert text([turn_line(turn), turn_line(replace(turn, saw=None))]) == [
        "  09:14:02.512  web -> db:5432  closed, expected allow",
        "  09:14:02.512  web -> db:5432  allow again, after 3.0 s",
    ]


def test_the_last_line_counts_what_was_otherwise():
    assert "1 otherwise while watched" in summary_line(report(FINE, BROKEN), 100)


def test_junit_has_a_case_for_each_watched_flow():
    written = to_junit([report(FINE, BROKEN)])

    assert 'tests="2"' in written
    assert 'failures="1"' in written
    assert "closed for 1.8 s in all, 0.0 s allowed" in written


def test_html_shows_gaps_on_a_strip():
    page = to_html([report(FINE, BROKEN)])

    assert "watched for 60.0 s: 1 of 2 flows" in page
    assert 'aria-label="gaps of the watched flows"' in page
    assert '<rect class="bar wrong" x="315.3"' in page


def test_json_reads_the_watch_back():
    written = report(FINE, BROKEN)

    assert from_json(to_json(written)) == written
