"""What Cilium's Hubble tells of npol's own probes, on a cluster that has it."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace

import pytest

from npol.flow_records.control import control_records
from npol.kube.connection import Mode
from npol.model.expectation import Verdict
from npol.model.result import Diagnosis, FlowResult, StoryReport
from npol.story import load_story
from tests import shop
from tests.live import nine_by_nine

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.usefixtures("journals")]

OPEN, AT_TARGETS, AT_SOURCES, LET_THROUGH, ONCE_MORE = range(5)
"""`ONCE_MORE`: what a policy lets through looks alike before the cluster enforces it."""


@pytest.fixture(scope="module")
def hubble(connected):
    """Skip where no agent tells records, with its reason."""
    found = control_records(connected(Mode.SMOKE))
    if not found:
        pytest.skip("no pods of Cilium's agent (k8s-app=cilium): no flow records")
    if problems := [f"{c.node}: {c.problem}" for c in found if c.problem]:
        pytest.skip(f"Hubble tells nothing: {'; '.join(problems)}")


@pytest.fixture
def story(tmp_path):
    return load_story(nine_by_nine.write_story(tmp_path, secrets.token_hex(3)), root=str(tmp_path))


def flows(report: StoryReport, step: int) -> list[FlowResult]:
    return [r for r in report.steps[step].results if isinstance(r, FlowResult)]


def proofs(report: StoryReport, step: int) -> Counter:
    """How many denies are proven, in which direction, by the node that the pods are on."""
    found: Counter = Counter()
    for flow in flows(report, step):
        if flow.proof:
            side = flow.source_pod if step == AT_SOURCES else flow.target_pods[0]
            found[flow.proof.direction.value, flow.proof.node == side.node] += 1
    return found


def marked(report: StoryReport, step: int) -> int:
    """
    How many of a step's 81 flows left from ports that npol chose, in their last round: all but
    those whose ports others had taken.
    """
    found = sum(f.evidence[0].answer.source_port is not None for f in flows(report, step))
    print(f"{report.steps[step].name}: {found} of 81 from chosen ports")
    assert found > 72
    return found


def beyond_quiet(report: StoryReport, step: int, quiet: float) -> float:
    return max(flow.settled_after for flow in flows(report, step)) - quiet


def test_every_deny_is_proven_and_every_allow_is_named(hubble, story, options):
    report = shop.told(story, options)

    print("\n".join(report.notes))
    assert shop.wrong(report) == []
    assert proofs(report, OPEN) == proofs(report, LET_THROUGH) == {}
    assert proofs(report, AT_TARGETS) == {("ingress", True): marked(report, AT_TARGETS)}
    assert proofs(report, AT_SOURCES) == {("egress", True): marked(report, AT_SOURCES)}
    names = Counter(tuple(p.name for p in f.named_by_data_plane) for f in flows(report, ONCE_MORE))
    print(f"names: {dict(names)}")
    assert set(names) <= {("allow-in",), ()}
    assert names["allow-in",] == marked(report, ONCE_MORE)
    assert {f.diagnosis for s in report.steps for f in s.flows} == {Diagnosis.NONE}


@pytest.fixture(autouse=True)
def whatever_the_environment_says(monkeypatch):
    """Records are read here at night, too."""
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)


def test_the_verdicts_are_the_same_without_records(hubble, story, options):
    report = shop.told(story, replace(options, flow_records="off"))

    assert shop.wrong(report) == []
    assert {f.verdict for s in report.steps for f in s.flows} == {Verdict.AS_EXPECTED}
    assert not any(f.proof for s in report.steps for f in s.flows)


@pytest.mark.nightly
def test_the_verdicts_are_the_same_where_nobody_tells_records(connected, story, options):
    told = [c for c in control_records(connected(Mode.SMOKE)) if not c.problem]
    if told:
        pytest.skip("Hubble tells records here")
    report = shop.told(story, options)

    print("\n".join(report.notes))
    assert shop.wrong(report) == []
    assert {f.verdict for s in report.steps for f in s.flows} == {Verdict.AS_EXPECTED}
    assert not any(f.proof for s in report.steps for f in s.flows)


@pytest.mark.nightly
def test_a_blocked_step_takes_no_longer_than_an_open_one(hubble, story, options):
    """Beyond Cilium's quiet time of 2 s; the median of five runs."""
    over = []
    for _ in range(5):
        report = shop.told(story, options)
        blocked = beyond_quiet(report, AT_TARGETS, 2.0)
        over.append(blocked - beyond_quiet(report, OPEN, 0.0))
    print(f"blocked beyond open: {', '.join(f'{s:.2f}' for s in sorted(over))} s")

    assert sorted(over)[2] <= 0.3
