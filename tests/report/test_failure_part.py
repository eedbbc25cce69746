"""The lines of a part on terminals that are too narrow for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.report.failure import blame_parts
from npol.report.failure_groups import FailureGroup
from npol.report.failure_part import FailurePart, Layout, laid_out
from npol.report.flow_evidence import evidence_parts

ROW = "ClusterIP 10.96.1.1:80     timeout  540 ms  dropped by policy (egress, lab-1)"


def lines(row, width):
    return list(laid_out(FailurePart("evidence", (row, "next"), Layout.COLUMNS), width))


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (100, [f"  evidence   {ROW}"]),
        (
            70,
            [
                "  evidence   ClusterIP 10.96.1.1:80     timeout  540 ms",
                "               dropped by policy (egress, lab-1)",
            ],
        ),
        (
            50,
            [
                "  evidence   ClusterIP 10.96.1.1:80     timeout",
                "               540 ms  dropped by policy (egress,",
                "               lab-1)",
            ],
        ),
    ],
)
def test_a_row_is_broken_between_columns(width, told):
    assert lines(ROW, width) == [*told, "             next"]


def test_a_row_without_columns_is_wrapped():
    assert lines("word " * 12, 40)[1] == "               word word word word word"


def test_the_line_to_blame_is_named_once(failure):
    (cause, *_) = blame_parts(FailureGroup.of(failure))

    assert cause.lines[0] == "manifests/deny.yaml:7"
    assert "manifests/deny.yaml:7" not in cause.lines[1]


def test_what_never_came_true_has_no_last_wrong_outcome(failure):
    def asked(flow):
        return next(p.lines[0] for p in evidence_parts(flow) if p.label == "asked")

    late = Reason(code=ReasonCode.TOO_SLOW, seconds=30.0, budget=1.0)
    assert asked(failure) == "15 rounds in 30.2 s; still so 30.0 s after the change"
    for came in (replace(failure, verdict=Verdict.AS_EXPECTED), replace(failure, reason=late)):
        assert asked(came).endswith("; the last wrong outcome 30.0 s after the change")
