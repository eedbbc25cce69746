"""Stories foretold, the shipped ones included."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from npol.model.expectation import parse_expectation
from npol.model.prediction import PolicyName, PredictedDecision, UnknownReason
from npol.policy.simulate import forecast as forecast_module
from npol.policy.simulate.flow_decision import holds
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.report.causes import cause_words, prediction_words
from npol.story import load_story
from tests.policy.stories import step, story
from tests.policy.worlds import policy

FIXTURES = Path(__file__).parents[2] / "fixtures"
DENY_C = policy("deny", "{podSelector: {matchLabels: {tier: c}}}")


def test_expectation_that_the_policies_do_not_meet_is_foretold_with_its_cause():
    told = scenes(story(step("deny", "a -> b:8080", apply=[DENY_C])))

    (foretold,) = forecast(told, "calico")

    (failing,) = foretold.failing
    assert failing.prediction.decision is PredictedDecision.DENY
    assert failing.prediction.decided_by == (PolicyName(namespace="x", name="deny"),)
    assert "isolated by x/deny" in cause_words(failing.prediction.causes[0])


def test_change_that_no_flow_asks_about_is_told():
    told = scenes(story(step("before"), step("deny", "a -> b:8080", apply=[DENY_C])))

    unasked = [str(d) for d in forecast(told, "calico")[1].unasked]

    assert unasked == ["closes: z/a, kube-system/coredns, anywhere else outside -> x/c every port"]


def test_an_end_of_a_flow_is_compared_with_a_group_of_pods_once(monkeypatch):
    compared = Mock(wraps=forecast_module._is_of)
    monkeypatch.setattr(forecast_module, "_is_of", compared)
    deny_a = policy("deny-a", "{podSelector: {matchLabels: {app: a}}}")
    told = scenes(story(step("before"), step("deny", "a -> b:8080", apply=[DENY_C, deny_a])))

    assert len(forecast(told, "calico")[1].unasked) > 1
    pairs = [tuple(map(id, call.args)) for call in compared.call_args_list]
    assert len(pairs) == len(set(pairs))


def test_first_step_has_nothing_to_be_compared_with():
    (foretold,) = forecast(scenes(story(step("deny", apply=[DENY_C]))), "calico")

    assert foretold.unasked == ()


def test_forecast_uses_the_dialect_and_the_expectation_of_the_engine():
    everything = policy("out", "{policyTypes: [Egress], egress: [{to: [{ipBlock: "
                               "{cidr: 0.0.0.0/0}}]}]}")  # fmt: skip
    told = scenes(story(step("s", "a -> b:8080", apply=[everything])))

    by_engine = {e: forecast(told, e)[0].flows[0] for e in ("calico", "cilium", "unheard-of")}

    assert [f.prediction.decision for f in by_engine.values()] == [
        PredictedDecision.ALLOW,
        PredictedDecision.DENY,
        PredictedDecision.UNKNOWN,
    ]
    assert by_engine["unheard-of"].prediction.reason is UnknownReason.UNDEFINED_BY_SPEC
    assert [f.holds for f in by_engine.values()] == [True, False, None]
    assert by_engine["calico"].by_engine


@pytest.mark.parametrize(
    ("expect", "prediction", "expected"),
    [
        ("http 504", "deny behind the proxy", True),
        ("http 503", "deny behind the proxy", True),
        ("http 503", "allow", True),
        ("http 200", "deny behind the proxy", False),
        ("http 504", "allow", False),
        ("http 404", "allow", True),
        ("refused", "allow", None),
        ("refused", "deny", False),
        ("dns timeout", "deny", True),
        ("deny", "unknown", None),
    ],
)
def test_prediction_meets_an_expectation_or_not(expect, prediction, expected):
    assert holds(parse_expectation(expect), PredictedDecision(prediction)) is expected


def test_name_that_does_not_resolve_denies_nothing_but_fails_an_allow():
    """The packets pass, by address; the application never gets that far."""
    to_c = policy("out", "{policyTypes: [Egress], egress: [{ports: [{port: 3002}]}]}")
    told = scenes(story(step("s", "a -> b:8080", "a -> every pod of b:8080", apply=[to_c])))

    by_name, by_address = forecast(told, "calico")[0].flows

    assert (prediction_words(by_name.prediction), by_name.holds) == ("dns timeout", False)
    assert (prediction_words(by_address.prediction), by_address.holds) == ("allow", True)
    assert not holds(parse_expectation("deny"), by_name.prediction.decision, resolves=False)
    assert holds(parse_expectation("dns timeout"), by_name.prediction.decision, resolves=False)


def _engine(path):
    """The lab refuses Cilium's own kinds."""
    return "cilium" if path.parent.name == "cilium" else "npol-lab"


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.glob("**/*.npol.yaml")), ids=lambda p: str(p.relative_to(FIXTURES))
)
def test_shipped_story_expects_what_its_policies_mean(path):
    """Each expectation is met by the packets of the lab; the prediction must not differ."""
    for foretold in forecast(scenes(load_story(str(path))), _engine(path)):
        failing = [
            f"{foretold.step}: {f.flow.name}: {prediction_words(f.prediction)}"
            for f in foretold.failing
        ]
        assert failing == []


def test_shipped_story_names_the_policy_that_decides():
    claims = [
        (flow.flow.because, flow.prediction.decided_by)
        for path in sorted(FIXTURES.glob("**/*.npol.yaml"))
        for foretold in forecast(scenes(load_story(str(path))), _engine(path))
        for flow in foretold.flows
        if flow.flow.because
    ]

    assert claims
    assert [c for c, policies in claims if not any(p.is_called(c) for p in policies)] == []
