"""The table of a step."""

from __future__ import annotations

import pytest

from npol.model.expectation import Verdict
from npol.model.sentence import Sentence
from npol.report.grid import grid, grid_lines
from npol.report.symbols import Tone, mark_of, tone_of


def text(table, width=80):
    return ["".join(p.text for p in line).rstrip() for line in grid_lines(table, width)]


@pytest.mark.parametrize(
    ("expected", "seen", "verdict", "mark", "tone"),
    [
        ("allow", "open", Verdict.AS_EXPECTED, ".", Tone.OPEN),
        ("deny", "timeout", Verdict.AS_EXPECTED, "X", Tone.CLOSED),
        ("http 200", "http 200", Verdict.AS_EXPECTED, "200", Tone.OPEN),
        ("http 5xx", "http 504", Verdict.AS_EXPECTED, "5xx", Tone.OPEN),
        ("refused", "refused", Verdict.AS_EXPECTED, "refused", Tone.CLOSED),
        ("dns timeout", "dns timeout", Verdict.AS_EXPECTED, "dns timeout", Tone.CLOSED),
        ("deny", "open", Verdict.TOO_OPEN, "!deny/open", Tone.WRONG),
        ("allow", "timeout", Verdict.TOO_CLOSED, "!allow/timeout", Tone.WRONG),
        ("http 200", "http 504", Verdict.WRONG_ANSWER, "!200/504", Tone.WRONG),
        ("allow", "", Verdict.FLAPPING, "!allow/nothing", Tone.WRONG),
        ("deny", "refused", Verdict.UNKNOWN, "?", Tone.UNKNOWN),
        ("deny", "timeout", Verdict.INVALID, "?", Tone.UNKNOWN),
    ],
)
def test_marks_are_read_without_colours(flow, expected, seen, verdict, mark, tone):
    result = flow(expected=expected, seen=seen, verdict=verdict)

    assert (mark_of(result), tone_of(result)) == (mark, tone)


def test_a_skipped_flow_is_neither_right_nor_wrong(flow):
    result = flow(verdict=Verdict.UNKNOWN, skipped=Sentence("no such place"))

    assert (mark_of(result), tone_of(result)) == ("-", Tone.SKIPPED)


def test_flows_that_cross_in_one_cell_are_all_shown_the_worst_first(flow):
    table = grid(
        [
            flow(name="a"),
            flow(name="b"),
            flow(name="c", expected="http 200", seen="http 500", verdict=Verdict.WRONG_ANSWER),
        ]
    )

    assert text(table) == ["          db", "          :5432", "frontend  !200/500 ."]
    assert table.cells[0][0].tone is Tone.WRONG


def test_lookups_are_no_column(flow):
    assert grid([flow(target="db.shop")]) is None
    assert grid([]) is None


def test_protocols_other_than_tcp_are_named(flow):
    assert grid([flow(target="dns:53/udp"), flow(target="dns:53/tcp")]).targets == (
        "dns:53/udp",
        "dns:53",
    )


def test_targets_that_do_not_fit_come_below(flow):
    flows = [flow(source=s, target=f"target-{i}:80/tcp") for s in ("a", "b") for i in range(4)]

    assert text(grid(flows), width=26) == [
        "   target-0  target-1",
        "   :80       :80",
        "a  .         .",
        "b  .         .",
        "",
        "   target-2  target-3",
        "   :80       :80",
        "a  .         .",
        "b  .         .",
    ]


def test_names_of_the_cluster_cannot_break_the_table(flow):
    table = grid([flow(source="a\nb\x1b[0m")])

    assert text(table)[-1].startswith(r"a\nb\x1b[0m  .")
