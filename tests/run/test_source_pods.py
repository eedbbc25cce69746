"""Every pod of a source is asked; what they say together is the flow's verdict."""

from __future__ import annotations

import pytest

from npol.errors import Position
from npol.judge.source_pods import MOST, combined, sampled
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.probe import PodRef
from npol.model.reason import Reason, ReasonCode
from npol.model.result import FlowResult, StepResult, StoryReport, Witnesses
from npol.report.failure import failure_text
from npol.report.failure_groups import FailureGroup
from npol.report.reasons import reason_words

HERE = Position("s.npol.yaml", 1, 1)
RIGHT, OPEN, UNKNOWN = Verdict.AS_EXPECTED, Verdict.TOO_OPEN, Verdict.UNKNOWN


def pod(number, *, node="a", template="one"):
    return PodRef(
        namespace="x",
        name=f"web-{number:02}",
        uid=f"u{number}",
        ip=f"10.0.0.{number}",
        node=node,
        ready=True,
        labels={"pod-template-hash": template},
    )


def result(number, verdict, *, reason="", witnesses=Witnesses.AGREE):
    words = Reason(code=ReasonCode.NO_ROUTE, said=reason) if reason else None
    return FlowResult(
        name="f",
        at=HERE,
        step="s",
        source="web",
        target="db:80/tcp",
        expected=parse_expectation("deny"),
        verdict=verdict,
        outcome=Outcome.OPEN if verdict is OPEN else Outcome.TIMEOUT,
        reason=words,
        source_pod=pod(number),
        rounds=number + 1,
        settled_after=0.1 * number,
        witnesses=witnesses,
    )


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        pytest.param([RIGHT, RIGHT, RIGHT], RIGHT, id="all-agree"),
        pytest.param([RIGHT, OPEN, RIGHT], OPEN, id="one-fails"),
        pytest.param([RIGHT, UNKNOWN], UNKNOWN, id="one-is-not-known"),
        pytest.param([UNKNOWN, OPEN], OPEN, id="a-failure-is-one-whatever-is-not-known"),
    ],
)
def test_a_flow_is_as_expected_only_from_every_pod(verdicts, together):
    results = [result(i, v) for i, v in enumerate(verdicts)]

    said = combined(results, pods=len(results), alike=True)

    assert said.verdict is together
    assert [p.verdict for p in said.by_pod] == verdicts


def test_a_failing_pod_is_named():
    results = [result(0, RIGHT), result(1, OPEN, reason="open: pod db 10.0.1.1:80")]

    said = combined(results, pods=2, alike=True)

    assert reason_words(said.reason) == "1 of 2 source pods: x/web-01: open: pod db 10.0.1.1:80"
    assert said.source_pod == pod(1)
    shown = failure_text(FailureGroup.of(said))
    assert "web-01  too open, open" in shown
    assert "web-00  as expected, timeout" in shown


def test_pods_that_were_not_asked_are_like_the_others_or_nothing_is_known():
    results = [result(i, RIGHT) for i in range(2)]

    said = combined(results, pods=3, alike=False)

    assert said.verdict is UNKNOWN
    assert said.reason
    assert said.reason.code is ReasonCode.SOURCE_PODS_DIFFER
    assert "2 of 3 pods" in reason_words(said.reason)
    assert combined(results, pods=3, alike=True).verdict is RIGHT


def test_what_stands_behind_one_pod_only_stands_behind_the_flow():
    results = [result(0, RIGHT), result(1, RIGHT, witnesses=Witnesses.PACKETS_ONLY)]

    said = combined(results, pods=2, alike=True)

    assert said.witnesses is Witnesses.PACKETS_ONLY
    assert said.rounds == 2
    assert said.settled_after == pytest.approx(0.1)


def test_a_source_of_one_pod_is_told_as_it_was_asked():
    one = result(1, OPEN, reason="open: pod db")

    assert combined([one], pods=1, alike=True) == one


def test_up_to_ten_pods_are_all_asked():
    pods = [pod(i) for i in range(MOST)]

    assert list(sampled(pods)) == pods


def test_of_more_than_ten_pods_each_node_and_template_is_asked():
    """Nothing of a sample depends on the order in which the API lists pods."""
    pods = [pod(i, node=f"n{i % 7}", template="old" if i % 5 == 0 else "new") for i in range(40)]

    some = sampled(pods)

    assert {(p.node, p.labels["pod-template-hash"]) for p in some} == {
        (p.node, p.labels["pod-template-hash"]) for p in pods
    }
    assert len(some) == 14
    assert sampled(list(reversed(pods))) == some


def test_of_more_than_ten_pods_on_one_node_ten_are_asked():
    assert len(sampled([pod(i) for i in range(30)])) == MOST


def test_the_report_says_that_a_sample_was_asked():
    results = [result(i, RIGHT) for i in range(2)]
    flow = combined(results, pods=12, alike=True)
    steps = (StepResult(name="s", at=HERE, flows=(flow,)),)

    report = StoryReport(story="s", path="s", run_id="r", started="", steps=steps)

    assert any("source web: 2 of its 12 pods were asked" in note for note in report.notes)
