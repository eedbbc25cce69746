"""Flows that Calico has summed up, beside the results that they are about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.errors import Position
from npol.flow_records.whisker import whisker_flow
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.probe import Answer, PodRef, Role
from npol.model.result import Evidence, FlowResult, StepResult
from npol.model.story import Flow, Step
from npol.report.flow_evidence import evidence_parts
from npol.run.told_beside import with_told_beside
from tests.flow_records.test_whisker import hit, item

AT = Position("s.npol.yaml", 1, 1)
CLIENT = PodRef(namespace="shop", name="client", uid="c", ip="10.1.0.1", labels={"app": "client"})
WEB = PodRef(
    namespace="shop",
    name="web-6d8f9c7b5-x7k2p",
    uid="w",
    ip="10.1.1.1",
    labels={"app": "web", "tier": "front"},
)
STEP = Step(
    name="cut",
    at=AT,
    flows=(
        Flow(
            name="f",
            at=AT,
            source="client",
            target="web",
            port=8000,
            expect=parse_expectation("deny"),
        ),
    ),
)
TRIGGER = {"kind": "NetworkPolicy", "name": "deny-all", "namespace": "shop"}
DENIED = item(action="Deny", policies={"enforced": [hit("EndOfTier", "", "Deny", trigger=TRIGGER)]})
BEGAN = 1795905600.0
"""2026-11-28T22:40:00Z, as `item` begins."""


@pytest.fixture
def result():
    answer = Answer(key="k", outcome=Outcome.TIMEOUT, tool="nc")
    asked = Evidence(role=Role.POD, subject="pod", answer=answer, address=WEB.ip, port=80)
    flow = FlowResult(
        name="f",
        at=AT,
        step="cut",
        source="client",
        target="web:8000/tcp",
        expected=parse_expectation("deny"),
        verdict=Verdict.AS_EXPECTED,
        outcome=Outcome.TIMEOUT,
        source_pod=CLIENT,
        target_pods=(WEB,),
        evidence=(asked,),
    )
    return StepResult(name="cut", at=AT, flows=(flow,), seconds=4.0)


def beside(result, *items, began=BEGAN):
    flows = [whisker_flow(one) for one in items]
    return with_told_beside(result, STEP, flows, began).flows[0]


def test_a_default_deny_stands_beside_the_verdict_and_proves_nothing(result):
    flow = beside(result, DENIED)

    assert (flow.proof, flow.verdict) == (None, Verdict.AS_EXPECTED)
    (part,) = [p for p in evidence_parts(flow) if p.label == "beside it"]
    assert part.lines == (
        "Calico, ingress, 22:40:00 to 22:40:15 UTC: denied by default: NetworkPolicy shop/deny-all",
    )


@pytest.mark.parametrize(
    ("other", "began"),
    [
        pytest.param(item(dest_port=81), BEGAN, id="another-port"),
        pytest.param(item(protocol="udp"), BEGAN, id="another-protocol"),
        pytest.param(item(source_namespace="other"), BEGAN, id="another-namespace"),
        pytest.param(item(source_name="client-api-0-1"), BEGAN, id="another-name"),
        pytest.param(item(dest_labels="app=db"), BEGAN, id="other-labels"),
        pytest.param(item(dest_name="PUBLIC NETWORK", dest_namespace="-"), BEGAN, id="outside"),
        pytest.param(item(), BEGAN + 16, id="before-the-step"),
        pytest.param(item(), BEGAN - 5, id="after-the-step"),
    ],
)
def test_flows_of_others_and_of_other_times_stand_nowhere(result, other, began):
    assert beside(result, other, began=began).told_beside == ()


def test_a_name_that_begins_alike_is_another_workloads(result):
    api = replace(WEB, name="web-api-6d8f9c7b5-x7k2p", labels={"app": "web-api"})
    (flow,) = result.flows
    result = replace(result, flows=(replace(flow, target_pods=(api,)),))

    assert beside(result, item()).told_beside == ()
