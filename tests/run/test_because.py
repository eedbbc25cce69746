"""`because: {policy: NAME}` means the policy that decides the flow, and no other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from npol.judge.flow_track import Settled
from npol.model.expectation import Outcome, Verdict
from npol.model.probe import PodRef
from npol.model.result import Judgement, Witnesses
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.report.reasons import reason_words
from npol.run.flow_result import flow_result
from npol.run.prepared_flow import PreparedFlow
from tests.policy.stories import step, story
from tests.policy.worlds import policy

A, B = "{podSelector: {matchLabels: {app: a}}", "{podSelector: {matchLabels: {app: b}}"
FROM_A = f"{B}, ingress: [{{from: [{A}}}]}}]}}"
POLICIES = [
    policy("b-from-a-v2", FROM_A),
    policy("b-out", "{podSelector: {matchLabels: {app: b}}, policyTypes: [Egress]}"),
    policy("b", "{podSelector: {matchLabels: {app: nobody}}}"),
]
REJECTED = "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: far}}}]}]}"


def judged(claim, policies, *, engine="calico", verdict=Verdict.AS_EXPECTED):
    """The flow `a -> b:8080`, probed with this verdict, with a claim on what decides it."""
    (scene,) = scenes(story(step("s", "a -> b:8080", apply=policies)))
    (foretold,) = forecast([scene], engine)[0].flows
    flow = replace(foretold.flow, because=claim)
    source = SimpleNamespace(source=PodRef(namespace="x", name="a", uid="u", ip="10.0.0.1"))
    return flow_result(
        PreparedFlow(flow=flow, source=source, target=None, timeout=1.0),
        step="s",
        engine=engine,
        settled=Settled(
            judgement=Judgement(verdict=verdict, outcome=Outcome.OPEN),
            witnesses=Witnesses.AGREE,
            rounds=2,
            enforced_after=None,
            settled_after=0.1,
        ),
        prediction=foretold.prediction,
        budget=None,
    )


@pytest.mark.parametrize("claim", ["b-from-a-v2", "x/b-from-a-v2"])
def test_claim_holds_for_the_policy_that_allows_the_flow(claim):
    assert judged(claim, POLICIES).verdict is Verdict.AS_EXPECTED


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param("b-from-a", id="part of the name"),
        pytest.param("from", id="word inside the name"),
        pytest.param("x", id="namespace alone"),
        pytest.param("policy", id="word of a cause"),
        pytest.param("ingress", id="another word of a cause"),
        pytest.param("b", id="selects nothing, and is part of the name"),
        pytest.param("x/b", id="selects nothing, with its namespace"),
        pytest.param("b-out", id="isolates the target in the other direction"),
        pytest.param("z/b-from-a-v2", id="same name in another namespace"),
        pytest.param("nowhere", id="no such policy"),
    ],
)
def test_claim_fails_for_a_policy_that_does_not_decide(claim):
    result = judged(claim, POLICIES)

    assert result.verdict is Verdict.WRONG_ANSWER
    assert reason_words(result.reason) == f"policy {claim!r} is not what decides it: x/b-from-a-v2"


def test_claim_on_a_denied_flow_names_the_policy_that_isolates():
    assert judged("locked", [policy("locked", REJECTED)]).verdict is Verdict.AS_EXPECTED
    assert judged("lock", [policy("locked", REJECTED)]).verdict is Verdict.WRONG_ANSWER


def test_policy_that_allows_its_side_of_a_denied_flow_does_not_decide_it():
    """The ingress of b is open by one policy, the egress of a is closed by the other."""
    closed = policy("closed", "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}")

    assert judged("closed", [*POLICIES, closed]).verdict is Verdict.AS_EXPECTED
    assert judged("b-from-a-v2", [*POLICIES, closed]).verdict is Verdict.WRONG_ANSWER


def test_without_any_policy_no_claim_holds():
    result = judged("b", [])

    assert result.verdict is Verdict.WRONG_ANSWER
    assert reason_words(result.reason) == "policy 'b' is not what decides it: no policy does"


def test_claim_on_a_flow_without_prediction_is_unknown():
    everything = policy("out", "{policyTypes: [Egress], egress: [{to: [{ipBlock: "
                               "{cidr: 0.0.0.0/0}}]}]}")  # fmt: skip

    result = judged("out", [everything], engine="unheard-of")

    assert result.verdict is Verdict.UNKNOWN
    assert reason_words(result.reason) == "whether policy 'out' decides it is not known"


def test_wrong_claim_does_not_hide_a_worse_verdict():
    assert judged("b", POLICIES, verdict=Verdict.TOO_OPEN).verdict is Verdict.TOO_OPEN
