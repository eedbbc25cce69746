"""Egress rules under policyTypes [Ingress]: everything reads them as the engine does."""

from __future__ import annotations

import pytest

from npol.mutation.score import mutate
from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.causes import nearest
from npol.policy.explain.describe import explain_policy
from npol.policy.explain.explain import explain_flow
from npol.policy.lint import lint
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.netpol_types import Direction
from npol.policy.simulate.coverage import CoveredPart, coverage
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.suggest.suggest import suggest
from npol.report.causes import cause_words, fact_words
from npol.report.described_policy import line_words
from tests.policy.stories import step, story
from tests.policy.worlds import documents, policy, traffic, world_with

ODD = policy(
    "odd",
    "{podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress], ingress: [{}],"
    " egress: [{to: [{podSelector: {matchLabels: {app: b}}}], ports: [{port: 3002}]}]}",
)
WORLD = world_with(ODD)
CLOSED = traffic(WORLD, "x/a -> z/a:80")
CILIUM_READS = [
    pytest.param(SPEC, False, id="spec"),
    pytest.param(CALICO, False, id="calico"),
    pytest.param(CILIUM, True, id="cilium"),
]
LINES = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: odd, namespace: x}
spec:
  podSelector: {matchLabels: {app: a}}
  policyTypes: [Ingress]
  egress: [{to: [{podSelector: {matchLabels: {app: b}}}], ports: [{port: 8080}]}]
"""


def mutated(dialect):
    """What is mutated in the policy's egress, and whether a flow that it stops notices."""
    told = story(step("odd", "a -> far:80", apply=[ODD]))
    found = mutate(told, dialect).results
    return {r.mutant.what: bool(r.noticed_by) for r in found if "egress" in r.mutant.origin.path}


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_a_flow_is_explained_by_the_rules_that_act(dialect, acts):
    explained = explain_flow(WORLD, CLOSED, dialect)

    (egress,) = (s for s in explained.stages if s.title == "egress of x/a")
    notes = list(map(fact_words, explained.notes))
    noted = [n for n in notes if "policyTypes do not name" in n]
    assert egress.answer.value == ("closed" if acts else "open")
    assert bool(explained.remedies) is acts
    assert noted == (
        [
            "x/odd (NetworkPolicy x/odd) isolates egress, which its policyTypes do not name: "
            "cilium goes by the rules that it has"
        ]
        if acts
        else []
    )
    assert "engines differ on this flow by design: calico open, cilium closed" in notes


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_causes_name_a_policy_that_acts_for_pods_that_it_does_not_select(dialect, acts):
    """`no policy selects it` names one that might have been meant to, as the engine reads it."""
    found = nearest(WORLD, traffic(WORLD, "x/b -> z/a:80"), dialect)

    stages = explain_flow(WORLD, traffic(WORLD, "x/b -> z/a:80"), dialect).stages
    assert any("x/odd" in cause_words(c) for c in found) is acts
    assert any("x/odd" in cause_words(line) for stage in stages for line in stage.lines) is acts


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_a_policy_is_described_by_the_rules_that_act(dialect, acts):
    described = explain_policy(WORLD, WORLD.policy("x", "odd"), dialect)

    texts = [line_words(line) for line in described.lines]
    assert ("it isolates them for egress, but for 1 rule:" in texts) is acts
    assert ("it leaves their egress as it is" in texts) is not acts
    assert described.directions == (("Ingress", "Egress") if acts else ("Ingress",))
    assert texts[-1] == (
        "its policyTypes do not name Egress, although it has rules for it: "
        + ("cilium goes by the rules" if acts else "they do nothing (on cilium they isolate)")
    )


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_lint_judges_the_rules_that_act(dialect, acts):
    found = {f.id: f for f in lint(documents(LINES, "p.yaml"), WORLD, dialect)}

    assert ("NP021" in found) is acts, "the port of a Service, in a rule that acts"
    assert ("NP022" in found) is acts, "DNS forgotten"
    assert found["NP031"].at.line == 7
    assert found["NP031"].message == (
        "cilium isolates by these rules, and other engines ignore them: "
        "policyTypes does not name Egress"
        if acts
        else "these rules do nothing (on cilium they isolate): policyTypes does not name Egress"
    )


@pytest.mark.parametrize(("dialect", "forgotten"), [(SPEC, False), (CALICO, False), (CILIUM, True)])
def test_lint_says_that_dns_is_forgotten_where_a_block_holds_no_pods(dialect, forgotten):
    """`0.0.0.0/0` opens the DNS pods on Calico; Cilium never selects pods by it."""
    text = LINES.replace("[Ingress]", "[Egress]").replace(
        "egress: [{to: [{podSelector: {matchLabels: {app: b}}}], ports: [{port: 8080}]}]",
        "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]",
    )

    found = {f.id for f in lint(documents(text, "p.yaml"), WORLD, dialect)}

    assert ("NP022" in found) is forgotten


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_coverage_counts_the_rules_that_act(dialect, acts):
    told = scenes(story(step("odd", apply=[ODD])))

    parts = {(i.part, i.direction) for i in coverage(told, dialect).items}
    paths = {i.origin.path for i in coverage(told, dialect).items}

    assert ((CoveredPart.ISOLATION, Direction.EGRESS) in parts) is acts
    assert ("spec.egress[0]" in paths) is acts


def test_only_rules_that_act_are_mutated():
    assert mutated(CALICO) == {}
    assert mutated(CILIUM) == {
        "rule removed": False,
        "to dropped": False,
        "ports dropped": False,
        "podSelector of a peer widened to all pods": False,
        "namespaceSelector of a peer widened to all namespaces": False,
    }


def test_egress_cannot_be_freed_where_rules_outrank_types():
    found = {m.mutant.what: m for m in mutate(story(step("odd", apply=[ODD])), CILIUM).results}

    assert found["Egress taken out of policyTypes"].equivalent


@pytest.mark.parametrize(("dialect", "acts"), CILIUM_READS)
def test_suggested_flows_are_about_the_rules_that_act(dialect, acts):
    found = suggest(WORLD, dialect)

    stopped = [f for f in found.flows if f.expect == "deny"]
    assert bool(stopped) is acts


def test_the_suggested_change_opens_the_flow_on_that_engine():
    (remedy,) = explain_flow(WORLD, CLOSED, CILIUM).remedies

    assert decide(WORLD.with_policies([remedy.policy]), CLOSED, CILIUM).allowed
