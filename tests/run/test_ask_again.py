"""A flow that is asked once more, as reruns of a pytest item want it."""

from typing import Any

import pytest

from npol.errors import NpolError
from npol.model.expectation import Outcome, Verdict
from npol.model.result import FlowResult, StepResult
from npol.run import Options, StoryRun
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {namespace: shop, service: db}
steps:
  - name: before
    flows:
      - {name: first, from: web, to: db, port: 5432, expect: allow}
      - {name: second, from: web, to: db, port: 80, expect: allow}
  - {name: after, delete: policy.yaml, flows: [{from: web, to: db, port: 5432, expect: allow}]}
"""
POLICY = """\
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop},
 spec: {podSelector: {}}}
"""


class StepRunner:
    """The target starts after the first round of questions."""

    def __init__(self):
        self.asked = []

    def run(self, step):
        rounds = len(self.asked)
        self.asked.append((step.name, [f.name for f in step.flows], bool(step.changes)))
        verdict = Verdict.AS_EXPECTED if rounds else Verdict.TOO_CLOSED
        flows = [
            FlowResult(
                name=f.name,
                at=f.at,
                step=step.name,
                source=f.source,
                target=f.target,
                expected=f.expect,
                outcome=Outcome.OPEN,
                verdict=verdict,
            )
            for f in step.flows
        ]
        return StepResult(name=step.name, at=step.at, flows=tuple(flows))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    made = StoryRun(story, Options(kubeconfig=None, context="dev"))
    runner: Any = StepRunner()
    made._step_runner = runner
    return made


def verdicts(step):
    return {r.name: r.verdict for r in step.flows}


def test_rerun_asks_the_network_again(run):
    assert verdicts(run.reach("before"))["first"] is Verdict.TOO_CLOSED

    again = run.ask_again("before", "first")

    assert verdicts(again) == {"first": Verdict.AS_EXPECTED, "second": Verdict.TOO_CLOSED}
    assert run._step_runner.asked[1] == ("before", ["first"], False)
    assert verdicts(run.reach("before"))["first"] is Verdict.AS_EXPECTED


def test_rerun_after_a_later_change_is_an_error(run):
    run.reach("after")

    with pytest.raises(NpolError, match="step 'after' has changed the cluster since"):
        run.ask_again("before", "first")


def test_rerun_repeats_no_change_of_its_step(run):
    run.reach("after")

    run.ask_again("after", "web -> db:5432")

    assert run._step_runner.asked[-1] == ("after", ["web -> db:5432"], False)
