"""One run with a bit of everything: the values that the reports' tests are written about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from npol.errors import Position
from npol.model.causes import Cause
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.prediction import PolicyName, PredictedDecision, Prediction
from npol.model.probe import Answer, PodRef, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import (
    CheckResult,
    ClusterFacts,
    Diagnosis,
    Evidence,
    FlowResult,
    RestoreResult,
    StepResult,
    StoryReport,
    Witnesses,
)
from npol.model.seen_outcome import SeenOutcome
from npol.model.sentence import Sentence
from npol.model.story import FlowKind
from npol.model.verification import FlowVerification

FILE = "shop.npol.yaml"
OPEN_WORDS = "open: ClusterIP 10.96.1.2:5432, pod db-0 10.244.2.9:5432"
REFUSED_WORDS = "web refused at once: nothing listens, which is no proof of a policy"


def make_flow(**given: Any) -> FlowResult:
    fields: dict[str, Any] = {
        "name": f"{given.get('source', 'frontend')} -> {given.get('target', 'db:5432')}",
        "at": Position(FILE, 31, 7),
        "step": "deny all",
        "source": "frontend",
        "target": "db:5432/tcp",
        "verdict": Verdict.AS_EXPECTED,
        "witnesses": Witnesses.AGREE,
        **given,
    }
    fields["expected"] = parse_expectation(fields.get("expected", "allow"))
    seen = fields.pop("seen", "open")
    if seen.startswith("http "):
        fields |= {"outcome": Outcome.OPEN, "status": int(seen.removeprefix("http "))}
    else:
        fields["outcome"] = Outcome(seen) if seen else None
    is_lookup = not fields["target"].endswith(("/tcp", "/udp", ":5432"))
    fields["kind"] = FlowKind.DNS if is_lookup else FlowKind.CONNECT
    return FlowResult(**fields)


def make_failure() -> FlowResult:
    source = PodRef(
        namespace="shop",
        name="npol-frontend-1",
        uid="u1",
        ip="10.244.1.7",
        node="worker-1",
        container="npol",
    )
    pod = PodRef(namespace="shop", name="db-0", uid="u2", ip="10.244.2.9", node="worker-2")

    def evidence(role: Role, subject: str, outcome: Outcome, **more: Any) -> Evidence:
        return Evidence(role=role, subject=subject, answer=Answer(key="k", outcome=outcome, **more))

    curl = "curl -sS -m 2 telnet://10.96.1.2:5432"
    return make_flow(
        name="frontend loses the database",
        expected="deny",
        verdict=Verdict.TOO_OPEN,
        reason=Reason(
            code=ReasonCode.OPEN, subject="ClusterIP 10.96.1.2:5432, pod db-0 10.244.2.9:5432"
        ),
        source_pod=source,
        target_pods=(pod,),
        evidence=(
            evidence(
                Role.NAME,
                "name db.shop.svc.cluster.local.",
                Outcome.OPEN,
                seconds=0.003,
                addresses=("10.96.1.2",),
            ),
            evidence(
                Role.SERVICE,
                "ClusterIP 10.96.1.2:5432",
                Outcome.OPEN,
                seconds=0.041,
                tool="curl",
                command=curl,
            ),
            evidence(
                Role.POD,
                "pod db-0 10.244.2.9:5432",
                Outcome.TIMEOUT,
                seconds=2.0,
                tool="curl",
                detail="(28) Connection timed out after 2001 milliseconds",
                command="curl -sS -m 2 telnet://10.244.2.9:5432",
            ),
            evidence(Role.SELF, "itself, 10.244.1.7", Outcome.REFUSED, seconds=0.001),
        ),
        rounds=15,
        enforced_after=30.0,
        settled_after=30.2,
        diagnosis=Diagnosis.POLICY_BUG,
        predicted=Prediction(
            decision=PredictedDecision.ALLOW,
            decided_by=(PolicyName(namespace="shop", name="allow-db"),),
            causes=(
                Cause(
                    what=Sentence(
                        "shop/deny selects no pod: it wants app=database, shop/db-0 has app=db"
                        " (manifests/deny.yaml:7)"
                    ),
                    at=Position("manifests/deny.yaml", 7, 5),
                ),
                Cause(what=Sentence("no other policy selects shop/db-0 for Ingress")),
            ),
        ),
    )


def make_report() -> StoryReport:
    at = Position(FILE, 12, 9)
    before = StepResult(
        name="before policies",
        at=at,
        flows=(
            make_flow(step="before policies"),
            make_flow(
                step="before policies", target="web:80/tcp", expected="http 200", seen="http 200"
            ),
            make_flow(
                step="before policies",
                name="frontend ? db.shop",
                target="db.shop",
            ),
        ),
        checks=(
            CheckResult(
                name="endpoints shop/db",
                at=at,
                step="before policies",
                expected=Sentence("port 5432, ready 1"),
                found=CheckFinding(code=FindingCode.READY_ON, count=1, names=("5432",)),
                verdict=Verdict.AS_EXPECTED,
            ),
        ),
        seconds=0.4,
    )
    denied = StepResult(
        name="deny all",
        at=at,
        changes=("applied NetworkPolicy shop/deny",),
        flows=(
            make_failure(),
            make_flow(target="web:80/tcp", expected="deny", seen="timeout", enforced_after=0.2),
            make_flow(
                source="stranger",
                target="web:80/tcp",
                expected="deny",
                seen="refused",
                verdict=Verdict.UNKNOWN,
                reason=Reason(
                    code=ReasonCode.NOT_SILENT,
                    subject="web",
                    seen=(SeenOutcome(outcome=Outcome.REFUSED),),
                ),
            ),
            make_flow(
                source="stranger",
                target="internet:443/tcp",
                seen="",
                verdict=Verdict.UNKNOWN,
                skipped=Reason(
                    code=ReasonCode.NO_SUCH_OBJECT, subject="place called internet here"
                ),
            ),
            make_flow(
                name="frontend ? db.shop",
                target="db.shop",
                expected="dns timeout",
                seen="dns timeout",
            ),
        ),
        seconds=30.5,
    )
    return StoryReport(
        story="shop",
        path=FILE,
        run_id="20261121-101600-abcdef",
        started="2026-11-21T10:16:00+00:00",
        cluster=ClusterFacts(
            context="kind-dev",
            server="https://127.0.0.1:6443",
            uid="c1",
            version="v1.33.13",
            engine="calico",
            engine_version="v3.30.2",
            enforcement="proven by a canary in 0.3 s",
            options="--context kind-dev",
        ),
        steps=(before, denied),
        restore=RestoreResult(
            complete=True,
            actions=("deleted NetworkPolicy shop/deny",),
            flows=FlowVerification(asked=3),
            seconds=1.2,
        ),
        covers=("TUT-3",),
        seconds=33.4,
        execs=2,
        requests=41,
        versions={"npol": "0.1.0"},
    )


@pytest.fixture
def report() -> StoryReport:
    return make_report()


@pytest.fixture
def failure() -> FlowResult:
    return make_failure()


@pytest.fixture
def flow() -> Callable[..., FlowResult]:
    return make_flow
