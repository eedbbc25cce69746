"""The table of a step."""

from __future__ import annotations

import pytest

from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.report.grid import StoryGrids
from npol.report.grid_text import grid_lines
from npol.report.symbols import CellSign, Tone, mark_of, tone_of


def text(table, width=80, legend=()):
    return ["".join(p.text for p in line).rstrip() for line in grid_lines(table, width, legend)]


def grid(flows):
    """The table of a story's first step."""
    return StoryGrids().grid(flows)


@pytest.mark.parametrize(
    ("expected", "seen", "verdict", "mark", "tone"),
    [
        ("allow", "open", Verdict.AS_EXPECTED, ".", Tone.OPEN),
        ("deny", "timeout", Verdict.AS_EXPECTED, "X", Tone.CLOSED),
        ("http 200", "http 200", Verdict.AS_EXPECTED, "200", Tone.OPEN),
        ("http 5xx", "http 500", Verdict.AS_EXPECTED, "5xx", Tone.OPEN),
        ("http 504", "http 504", Verdict.AS_EXPECTED, "504", Tone.CLOSED),
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
    result = flow(
        verdict=Verdict.UNKNOWN,
        skipped=Reason(code=ReasonCode.KIND_NOT_SERVED, said="no such place"),
    )

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


def test_a_row_without_a_cell_in_what_comes_below_is_left_out(flow):
    flows = [flow(source="a", target=f"target-{i}:80/tcp") for i in range(2)]

    table = grid([*flows, flow(source="b", target="target-0:80/tcp")])

    assert text(table, width=14)[-1] == "a  ."
    assert sum(line.startswith("b") for line in text(table, width=14)) == 1


def test_columns_and_rows_keep_the_order_of_the_story(flow):
    grids = StoryGrids()
    first = [flow(source=s, target=t) for s, t in (("a", "x:1/tcp"), ("b", "y:2/tcp"))]
    grids.grid(first)

    later = grids.grid([flow(source="c", target="z:3/tcp"), *reversed(first)])

    assert (later.sources, later.targets) == (("a", "b", "c"), ("x:1", "y:2", "z:3"))


def test_what_a_flow_did_not_do_when_it_was_last_asked_is_marked(flow):
    grids, denied = StoryGrids(), {"expected": "deny", "seen": "timeout"}
    marks = [
        grids.grid(flows).cells[0][0].mark
        for flows in (
            [flow()],
            [flow(name="another")],
            [flow(**denied)],
            [flow(verdict=Verdict.UNKNOWN, seen="error")],
            [flow(**denied)],
            [flow()],
        )
    ]

    assert marks == [".", ".", "X*", "?", "X", ".*"]


def test_the_legend_stands_beside_the_table_or_below_it(flow):
    table = grid([flow(), flow(source="b", expected="deny", seen="timeout")])

    assert table.signs == (CellSign.ALLOWED, CellSign.DENIED)
    assert text(table, legend=table.signs) == [
        "          db       .     allowed",
        "          :5432    X     denied",
        "frontend  .",
        "b         X",
    ]
    assert text(table, width=30, legend=table.signs)[-1] == ".  allowed   X  denied"
