"""When the last step is the proof that the flows are as before, and when they are asked again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.model.verification import NotVerified
from npol.run.flow_result import skipped_flow
from npol.run.step_runner import StepRunner
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {address: 192.0.2.1}
steps:
  - {name: before, flows: &open [{from: web, to: db, port: 5432, expect: allow}]}
  - {name: deny, apply: [deny.yaml], flows: [{from: web, to: db, port: 5432, expect: deny}]}
  - {name: rollback, delete: [deny.yaml], flows: *open}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


class Flows:
    """Each flow passes, but for those of the steps that are said to fail."""

    def __init__(self):
        self.asked = []
        self.failing = set()

    def prepare(self, step):
        """Nothing is asked before a change."""

    def hold(self, step):
        """Nothing is held."""

    def run(self, step, patience):
        self.asked.append(step.name)
        reason = Reason(code=ReasonCode.NO_SUCH_OBJECT)
        verdict = Verdict.TOO_CLOSED if step.name in self.failing else Verdict.AS_EXPECTED
        results = [skipped_flow(flow, step.name, reason) for flow in step.flows]
        return tuple(replace(r, skipped=None, verdict=verdict) for r in results), None


@pytest.fixture
def flows():
    return Flows()


@pytest.fixture
def told(tmp_path, flows):
    """A runner that has run these steps."""
    (tmp_path / "deny.yaml").write_text(POLICY)
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    environment: Any = SimpleNamespace(
        story=story,
        options=SimpleNamespace(say=lambda line: None, settle=None, create=False),
        engine=SimpleNamespace(patience_for=lambda step: 1.0, quiet=0.0),
        unmet=lambda when: None,
        await_proof=lambda step: None,
        await_enforcement=lambda step: None,
        change=lambda step: (),
        try_ahead=lambda step: None,
        transaction=SimpleNamespace(mark=lambda name: None),
    )

    def run(*names):
        runner = StepRunner(environment, ThreadPoolExecutor(max_workers=1))
        runner._flows = flows
        for name in names:
            runner.run(story.step(name))
        flows.asked.clear()
        return runner

    return run


def test_a_last_step_that_came_out_as_the_baseline_is_the_proof(told, flows):
    shown = told("before", "deny", "rollback").verify(unchanged=True)

    assert (shown.asked, shown.step, shown.failed) == (1, "rollback", False)
    assert flows.asked == []


def test_what_the_restore_put_back_is_asked_again(told, flows):
    shown = told("before", "deny", "rollback").verify(unchanged=False)

    assert (shown.asked, shown.step) == (1, "")
    assert flows.asked == ["before"]


@pytest.mark.parametrize(
    ("steps", "failing"),
    [
        pytest.param(("before", "deny"), (), id="the-last-step-expects-otherwise"),
        pytest.param(("before", "deny", "rollback"), ("rollback",), id="the-last-step-failed"),
    ],
)
def test_a_last_step_that_shows_something_else_is_no_proof(told, flows, steps, failing):
    flows.failing |= set(failing)
    shown = told(*steps).verify(unchanged=True)

    assert shown.step == ""
    assert flows.asked == ["before"]


def test_without_a_baseline_there_is_nothing_to_compare_with(told, flows):
    shown = told("deny", "rollback").verify(unchanged=True)

    assert shown.not_verified is NotVerified.NO_BASELINE
    assert flows.asked == []
