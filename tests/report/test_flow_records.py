"""What the data plane's records add to a report: proofs, times, and what they cannot tell."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from npol.model.enforcement import EnforcementInterval
from npol.model.expectation import Outcome
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer, Role
from npol.model.result import Evidence
from npol.report.durations import enforced
from npol.report.flow_evidence import evidence_parts
from npol.report.html import to_html
from npol.report.json import from_json, to_json
from npol.report.markdown import to_markdown
from npol.report.pytest_text import story_text
from npol.report.summary import proven_line

DROPPED = PacketFate(fate=Fate.DROPPED_BY_POLICY, node="node2", nodes=("node2",))
BETWEEN = EnforcementInterval(after=0.12, until=1.4, clock_error=0.003)
BY_RECORDS = "by records 120 ms to 1.4 s after the change, clocks +-3 ms"


def asked(fate, tool="curl", outcome=Outcome.TIMEOUT):
    answer = Answer(key="k", outcome=outcome, tool=tool)
    return Evidence(role=Role.POD, subject="pod db-0", answer=answer, fate=fate)


UNMARKED = PacketFate(fate=Fate.UNMARKED)


@pytest.fixture
def proven(report, flow):
    """The report, whose second step has a deny that records prove."""
    evidence = (asked(DROPPED), asked(UNMARKED, "wget"), asked(UNMARKED, "nslookup"))
    denied = flow(
        target="cache:80/tcp", expected="deny", seen="timeout", evidence=evidence, proof=DROPPED,
        enforced_after=1.3, enforced_between=BETWEEN,
    )  # fmt: skip
    first, second, *rest = report.steps
    return replace(report, steps=(first, replace(second, flows=(*second.flows, denied)), *rest))


def test_every_report_says_when_policies_bit_by_records_and_how_far_clocks_may_be_off(proven):
    for page in (story_text(proven), to_markdown([proven]), to_html([proven])):
        assert f"enforced after 1.3 s ({BY_RECORDS})" in page


def test_the_time_by_records_comes_back_from_json(proven):
    data = json.loads(to_json(proven))["report"]["steps"][1]["flows"][-1]

    assert data["enforced_between"] == {"after": 0.12, "until": 1.4, "clock_error": 0.003}
    assert from_json(to_json(proven)) == proven


def test_the_slowest_flow_that_came_true_tells_a_steps_time(flow):
    early = EnforcementInterval(after=0.0, until=0.2, clock_error=0.001)
    flows = [
        flow(enforced_after=1.3, enforced_between=BETWEEN),
        flow(enforced_after=0.1, enforced_between=early),
        flow(enforced_after=0.1),
    ]

    assert enforced(flows) == f"enforced after 1.3 s ({BY_RECORDS})"


def test_a_failure_says_its_own_time(failure):
    parts = evidence_parts(replace(failure, enforced_between=BETWEEN))

    (asked_in,) = [part for part in parts if part.label == "asked"]
    assert asked_in.lines[0].endswith(f"30.0 s after the change; enforced, {BY_RECORDS}")


def test_probes_that_no_record_can_be_found_for_are_counted_with_their_tools(proven):
    line = proven_line(proven)

    assert line.endswith("proven by the data plane, 2 of 3 probes unmarked (nslookup 1, wget 1)")
    for page in (to_markdown([proven]), to_html([proven])):
        assert line in page


def test_a_run_whose_probes_are_all_unmarked_says_so(report, flow):
    one = flow(expected="deny", seen="timeout", evidence=(asked(UNMARKED, "wget"),))
    step = replace(report.steps[0], flows=(one,))

    line = proven_line(replace(report, steps=(step,)))

    assert line == "0 of 1 deny proven by the data plane, 1 of 1 probes unmarked (wget 1)"


@pytest.mark.parametrize("expected", ["allow", "deny"])
def test_proven_denies_are_counted_only_where_there_are_denies(report, flow, expected):
    """The records of what is open say nothing of denies."""
    one = flow(expected=expected, seen="timeout", evidence=(asked(DROPPED),))
    line = proven_line(replace(report, steps=(replace(report.steps[0], flows=(one,)),)))

    assert bool(line) is (expected == "deny")


def test_a_probe_that_did_not_run_is_not_called_unmarked(report, flow):
    one = flow(evidence=(asked(UNMARKED, outcome=Outcome.ERROR), asked(DROPPED)))
    step = replace(report.steps[0], flows=(one,))

    assert "unmarked" not in proven_line(replace(report, steps=(step,)))


def test_without_records_nothing_is_said_of_them(report):
    assert proven_line(report) == ""
