"""Policies broken on purpose: the right flows fail, and the message says why and where."""

import shutil

import pytest

from npol.model.expectation import Verdict
from npol.model.selection import Selection, replayed
from npol.mutation.mutant_story import mutated_story, packets_only
from npol.mutation.score import mutate
from npol.mutation.try_by_packets import try_story
from npol.policy.simulate.simulated_steps import scenes
from npol.report.failure import failure_text
from npol.report.failure_groups import FailureGroup
from npol.run import Options, StoryRun
from npol.story import load_story
from tests.e2e.conftest import ROOT, SHIPPED

POLICIES = "infra/manifests/network-policies"
STORY = f"""\
version: 1
name: baseline, shorter
given: [infra/manifests/apps]
defaults: {{timeout: 500ms, settle: {{within: 2s}}}}
peers:
  frontend: {{namespace: frontend-dev, labels: {{app: frontend}}, service: frontend}}
  backend: {{namespace: backend-dev, service: backend-sample}}
  stranger: {{namespace: ingress, labels: {{app: stranger}}}}
  site: {{host: app.example.test, via: {{namespace: ingress, service: ingress-nginx}}}}
steps:
  - name: before policies
    matrix: |
      | from \\ to | backend:80 | site:80 |
      | frontend  | allow      | allow   |
      | stranger  | allow      | allow   |
    flows: [{{name: the name, from: frontend, resolve: backend-sample.backend-dev, expect: allow}}]
  - name: all policies
    apply: [{POLICIES}]
    matrix: |
      | from \\ to | backend:80 | site:80  |
      | frontend  | allow      | -        |
      | stranger  | deny       | http 200 |
    flows: [{{name: the name, from: frontend, resolve: backend-sample.backend-dev, expect: allow}}]
"""
CALL, SITE = "frontend -> backend:80", "stranger -> site:80"
CUT = {CALL: Verdict.TOO_CLOSED, SITE: Verdict.WRONG_ANSWER}
"""The site's page is made of the backend's answer."""


SMALL = "tutorial/exercises"
WITHIN = 3.0
"""Seconds until a wrong answer is final: the lab enforces within a tenth of one."""


@pytest.fixture(scope="module")
def options(lab):
    return Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )


@pytest.fixture
def broken(tmp_path, options, monkeypatch):
    """Results of the story's last step, by flow, after one text of one policy was replaced."""
    shutil.copytree(ROOT / "fixtures/baseline", tmp_path / "baseline")
    monkeypatch.chdir(tmp_path / "baseline")

    def run(file, was, becomes):
        policy = tmp_path / "baseline" / POLICIES / file
        assert was in policy.read_text()
        policy.write_text(policy.read_text().replace(was, becomes))
        (tmp_path / "baseline/short.npol.yaml").write_text(STORY)
        story = load_story("short.npol.yaml", root=str(tmp_path))
        run = StoryRun(story, options)
        run.open()
        try:
            reached = run.reach("all policies")
        finally:
            restored = run.close()
        assert restored.complete
        assert all(f.passed for f in run.report().steps[0].flows)
        return {f.name: f for f in reached.flows}

    return run


def verdicts(found):
    """Those of the flows that failed."""
    return {name: result.verdict for name, result in found.items() if not result.passed}


def told(result):
    """A failure's text, its line breaks gone."""
    return " ".join(failure_text(FailureGroup.of(result)).split())


@pytest.mark.lab
def test_a_wrong_label_closes_what_it_should_open(broken):
    file = "backend-dev/10-allow-from-frontend.yaml"
    found = broken(file, "{name: frontend-dev}", "{name: frontend}")
    assert verdicts(found) == CUT

    text = told(found[CALL])
    assert text.startswith("TOO CLOSED: frontend -> backend:80 (step ")
    assert f" cause {POLICIES}/{file}:" in text
    assert "short.npol.yaml:21 frontend -> backend:80" in text
    assert "expected allow seen timeout" in text
    assert "source frontend-dev/npol-" in text
    assert "target backend-dev/backend-sample-" in text
    assert f"{POLICIES}/{file}:" in text
    assert "ingress of backend-dev/backend-sample" in text
    assert "expected http 200 seen http 504" in told(found[SITE])


@pytest.mark.lab
@pytest.mark.nightly
def test_the_services_port_for_the_pods_is_named(broken):
    file = "backend-dev/10-allow-from-frontend.yaml"
    found = broken(file, "port: 3001", "port: 80")
    assert verdicts(found) == CUT

    text = told(found[CALL])
    assert "expected allow seen timeout" in text
    assert f"{POLICIES}/{file}:16" in text
    assert "3001" in text


@pytest.mark.lab
@pytest.mark.nightly
def test_a_missing_dns_rule_is_told_apart_from_a_closed_port(broken):
    file = "frontend-dev/allow-dns.yaml"
    rule = (ROOT / "fixtures/baseline" / POLICIES / file).read_text().partition("  egress:\n")[2]
    found = broken(file, f"  egress:\n{rule}", "  egress: []\n")
    assert verdicts(found) == dict.fromkeys([CALL, "the name"], Verdict.TOO_CLOSED)
    for name in (CALL, "the name"):
        text = told(found[name])
        assert "expected allow seen dns timeout" in text
        assert "egress of frontend-dev/" in text
        assert f"{POLICIES}/{file}:" in text


@pytest.mark.lab
def test_a_rule_that_is_too_wide_opens_what_it_should_not(broken):
    file = "backend-dev/15-allow-from-ingress.yaml"
    label = "            matchLabels: {app.kubernetes.io/name: ingress-nginx}\n"
    found = broken(file, f"          podSelector:\n{label}", "")
    assert verdicts(found) == {"stranger -> backend:80": Verdict.TOO_OPEN}
    text = told(found["stranger -> backend:80"])
    assert "expected deny seen open" in text or "expected deny seen http" in text
    assert f"{POLICIES}/{file}:" in text


def shipped(name):
    story = load_story(f"{ROOT}/fixtures/{name}.npol.yaml", root=str(ROOT))
    return packets_only(story, WITHIN)


def policies():
    """Each version of each policy of the shipped stories; one of a small story in every run."""
    for name in SHIPPED:
        if name.startswith("tenants/"):
            continue  # a flow that stands for many pairs is not replayed pair by pair
        steps = scenes(shipped(name))
        origins = dict.fromkeys(str(p.origin) for s in steps for p in s.world.policies)
        for number, origin in enumerate(origins):
            marks = [pytest.mark.nightly] if number or name != SMALL else []
            file = "/".join(origin.split("/")[-2:])
            yield pytest.param(name, origin, id=f"{name}-{file}", marks=marks)


@pytest.mark.lab
@pytest.mark.parametrize(("name", "origin"), [*policies()])
def test_a_shipped_story_fails_when_one_of_its_policies_is_broken(name, origin, options):
    """By packets: the policy is removed or, where that changes nothing, widened."""
    story = shipped(name)
    results = [r for r in mutate(story).results if str(r.mutant.policy.origin) == origin]
    central = next(r for r in results if r.noticed_by)
    telling = Selection(frozenset({(central.noticed_in, central.noticed_by)}))

    tried = try_story(
        replayed(mutated_story(story, central.mutant, scenes(story)), telling), options
    )

    assert tried.failed == f"{central.noticed_in}: {central.noticed_by}", tried.unknown
