"""One step is run: what becomes of its flows when the cluster can no longer be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from npol.cni.catalogue import SILENCE, Enforces, Engine
from npol.errors import NpolError, Refused
from npol.kube.api_errors import Forbidden, Unreachable
from npol.model.expectation import Outcome, Verdict
from npol.model.inventory import Inventory
from npol.model.probe import Answer, PodRef
from npol.model.reason import ReasonCode
from npol.model.result import Judgement
from npol.policy.state.from_inventory import cluster_state
from npol.report.reasons import reason_words
from npol.run import flow_runner, settle_loop
from npol.run.step_runner import StepRunner
from npol.story import read_story

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {address: 192.0.2.1}
defaults: {settle: {within: 0.5s, quiet: 10ms}}
steps: [{name: s, flows: [{from: web, to: db, port: 5432, expect: allow}]}]
"""
ENGINE = Engine(
    name="calico",
    title="Calico",
    enforces=Enforces.YES,
    quiet=0.0,
    denial=SILENCE,
    dialect="calico",
    label_patience=30.0,
)
FAILURES = [
    pytest.param(Refused("peer 'web': pod web has no running pod in shop"), id="source-gone"),
    pytest.param(Forbidden("may not list pods", status=403), id="right-lost"),
    pytest.param(Unreachable("the API server does not answer"), id="connection-gone"),
]


class BrokenSource:
    """Whatever is asked of it does not run."""

    source = PodRef(namespace="shop", name="web", uid="u", ip="10.0.0.1")

    def ask(self, probes, *, deadline):
        return {p.key: Answer(key=p.key, outcome=Outcome.ERROR, detail="gone") for p in probes}


class Environment:
    """A cluster that can be read before the flows are asked, and not while they settle."""

    records = None

    def __init__(self, story, failure):
        self.story = story
        self.engine = ENGINE
        self.options = SimpleNamespace(settle=None, say=lambda line: None, create=False)
        self.sources = SimpleNamespace(
            prober=lambda peer: BrokenSource(), inside=lambda pod: BrokenSource()
        )
        self.transaction = SimpleNamespace(mark=lambda step: None)
        self.failure = failure
        self.looks = 0
        self.came = []
        """The canary's proof, and the step's change."""

    def await_enforcement(self, step):
        self.came.append("something closed")

    def await_proof(self, step):
        self.came.append("it opened again")

    def look(self):
        self.looks += 1
        if self.looks > 1:
            raise self.failure
        return Inventory()

    glance = look

    def state(self, inventory):
        return cluster_state(inventory)

    def unmet(self, when):
        return None

    def change(self, step):
        self.came.append("change")
        return ()

    def changed_by_others(self, since, asked, now, *, explained):
        return []


class UnreadableAtTheEnd(Environment):
    """It is not known, either, what others did meanwhile."""

    def changed_by_others(self, since, asked, now, *, explained):
        raise self.failure


@pytest.fixture
def story(tmp_path, monkeypatch):
    monkeypatch.setattr(settle_loop, "LOOK_EVERY", 0.05)
    return read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))


@pytest.fixture
def run_step(story):
    def run(kind: type[Environment], failure: NpolError):
        environment: Any = kind(story, failure)
        with ThreadPoolExecutor() as pool:
            result = StepRunner(environment, pool).run(story.steps[0])
        assert environment.looks > 1, "the ends were not looked at while the flows settled"
        return result

    return run


def test_a_step_changes_something_once_a_canary_was_closed_and_ends_once_it_opened_again(story):
    environment: Any = UnreadableAtTheEnd(story, FAILURES[0].values[0])
    with ThreadPoolExecutor() as pool:
        StepRunner(environment, pool).run(story.steps[0])

    assert environment.came == ["something closed", "change", "it opened again"]


@pytest.mark.parametrize("failure", FAILURES)
def test_step_whose_ends_cannot_be_looked_up_again_ends_as_unknown(run_step, failure):
    step = run_step(Environment, failure)

    assert [f.verdict for f in step.flows] == [Verdict.UNKNOWN]
    assert step.flows[0].reason.code is ReasonCode.PROBE_FAILED


@pytest.mark.parametrize("failure", FAILURES)
def test_flows_are_unknown_where_changes_by_others_cannot_be_read(run_step, failure):
    step = run_step(UnreadableAtTheEnd, failure)

    assert [f.verdict for f in step.flows] == [Verdict.UNKNOWN]
    assert step.flows[0].reason.code is ReasonCode.CHANGES_NOT_READ
    assert failure.message in reason_words(step.flows[0].reason)


IN_TURNS = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {address: 192.0.2.1}
  mail: {address: 192.0.2.2}
steps:
  - {name: one, flows: [{from: web, to: db, port: 5432, expect: allow}]}
  - {name: two, flows: [{from: web, to: db, port: 5432, expect: allow}]}
  - {name: three, flows: [{from: web, to: mail, port: 25, expect: allow}]}
  - {name: four, flows: [{from: web, to: db, port: 5432, expect: allow}]}
"""


def test_what_was_seen_before_the_last_step_says_nothing(tmp_path, monkeypatch):
    story = read_story(IN_TURNS, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    before = []

    def settle(rounds, settling, *_):
        before.extend(track.before for track in settling.tracks.values())
        seen = Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.OPEN)
        settling.record(0.0, 0.1, dict.fromkeys(settling.tracks, seen))
        return settling.results()

    monkeypatch.setattr(flow_runner, "settle", settle)
    environment: Any = Environment(story, NpolError("not looked at again"))
    environment.look = environment.glance = Inventory
    with ThreadPoolExecutor() as pool:
        runner = StepRunner(environment, pool)
        for step in story.steps:
            runner.run(step)

    assert before == [None, (Outcome.OPEN, 0), None, None]
