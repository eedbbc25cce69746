"""The text of one failure: the most read text of all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.errors import Position
from npol.model.expectation import Outcome, Verdict
from npol.model.prediction import PredictedDecision, Prediction, UnknownReason
from npol.model.probe import Answer, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import CheckResult, Diagnosis, Evidence
from npol.model.sentence import Sentence
from npol.report.failure import failure_text

ALLOW = Prediction(decision=PredictedDecision.ALLOW)
DENY = Prediction(decision=PredictedDecision.DENY)
UNKNOWN = Prediction(
    decision=PredictedDecision.UNKNOWN,
    reason=UnknownReason.OTHER_POLICY_KINDS,
    detail=Sentence("an AdminNetworkPolicy may apply"),
)
TEXT = """\
TOO OPEN: frontend loses the database
  shop.npol.yaml:31   frontend -> db:5432
  expected   deny
  seen       open
  why        open: ClusterIP 10.96.1.2:5432, pod db-0 10.244.2.9:5432
  source     shop/npol-frontend-1 (10.244.1.7, node worker-1)
  target     shop/db-0 (10.244.2.9, node worker-2)
  asked      15 rounds in 30.2 s; the last wrong outcome 30.0 s after the change
  evidence   name db.shop.svc.cluster.local.  open       3 ms  10.96.1.2
             ClusterIP 10.96.1.2:5432         open      41 ms
             pod db-0 10.244.2.9:5432         timeout   2.0 s
  controls   itself, 10.244.1.7  refused    1 ms
  predicted  allow: packets do what the policies say, the story says otherwise: mend the policy, or
             the story
  policies   - shop/deny selects no pod: it wants app=database, shop/db-0 has app=db
               (manifests/deny.yaml:7)
             - no other policy selects shop/db-0 for Ingress
  by hand    kubectl exec --context kind-dev -n shop npol-frontend-1 -- curl -sS -m 2 telnet://10.96.1.2:5432
             kubectl exec --context kind-dev -n shop npol-frontend-1 -- curl -sS -m 2 telnet://10.244.2.9:5432
  again      pytest 'shop.npol.yaml::deny all::frontend loses the database'
"""


def test_a_failure_is_explained_from_claim_to_command(failure):
    again = "pytest 'shop.npol.yaml::deny all::frontend loses the database'"

    assert failure_text(failure, rerun=again, context="kind-dev") == TEXT.rstrip("\n")


def test_a_narrow_page_breaks_sentences_and_never_commands(failure):
    text = failure_text(failure, width=60)

    sentences = text[text.index("  predicted") : text.index("  by hand")].split("\n")
    assert max(map(len, sentences)) <= 60
    assert "kubectl exec -n shop npol-frontend-1 -- curl -sS -m 2 telnet://10.96.1.2:5432\n" in text


@pytest.mark.parametrize(
    ("diagnosis", "predicted", "expected"),
    [
        (
            Diagnosis.POLICY_BUG,
            ALLOW,
            "allow: packets do what the policies say, the story says otherwise:",
        ),
        (
            Diagnosis.ENFORCEMENT_GAP,
            DENY,
            "deny: packets do not do what the policies say: look at the network",
        ),
        (
            Diagnosis.BROKEN_PROBE,
            None,
            "the probe did not run, which says nothing about any policy",
        ),
        (
            Diagnosis.NONE,
            UNKNOWN,
            "unknown: an AdminNetworkPolicy may apply",
        ),
    ],
)
def test_the_diagnosis_says_where_to_look(failure, diagnosis, predicted, expected):
    text = failure_text(replace(failure, diagnosis=diagnosis, predicted=predicted))

    assert f"  predicted  {expected}" in text


def test_a_probe_that_did_not_run_leaves_out_what_is_not_known(flow):
    why = Reason(code=ReasonCode.PROBE_FAILED, words=Sentence("no exec"))
    broken = flow(expected="deny", seen="error", verdict=Verdict.UNKNOWN, reason=why)

    assert failure_text(broken) == (
        "UNKNOWN: frontend -> db:5432\n"
        "  shop.npol.yaml:31   frontend -> db:5432\n"
        "  expected   deny\n"
        "  seen       error\n"
        "  why        no exec"
    )


def test_a_lookup_is_a_question(flow):
    lookup = flow(name="x", target="db.shop", expected="dns timeout", verdict=Verdict.TOO_OPEN)

    assert "frontend ? db.shop\n  expected   dns timeout\n  seen       open" in failure_text(lookup)


def test_a_failed_check_says_what_was_wanted_and_found():
    check = CheckResult(
        name="endpoints shop/db",
        at=Position("shop.npol.yaml", 9, 5),
        step="one",
        expected="port 5432",
        seen=Sentence("0 ready on no port"),
        verdict=Verdict.WRONG_ANSWER,
        reason=Sentence("Service db does not exist"),
    )

    assert failure_text(check, rerun="npol run shop.npol.yaml") == (
        "WRONG ANSWER: endpoints shop/db\n"
        "  shop.npol.yaml:9\n"
        "  expected   port 5432\n"
        "  seen       0 ready on no port\n"
        "  why        Service db does not exist\n"
        "  again      npol run shop.npol.yaml"
    )


def test_much_evidence_is_cut_and_says_so(failure):
    answer = Answer(key="k", outcome=Outcome.TIMEOUT)
    many = tuple(
        Evidence(role=Role.POD, subject=f"pod p{i} 10.0.0.{i}:80", answer=answer) for i in range(40)
    )
    text = failure_text(replace(failure, evidence=many, target_pods=failure.target_pods * 9))

    assert "             and 28 more" in text
    assert "             - and 5 more pods" in text


def test_a_container_is_named_in_the_command(failure):
    pod = replace(failure.source_pod, container="webapp")

    assert "-n shop npol-frontend-1 -c webapp -- curl" in failure_text(
        replace(failure, source_pod=pod)
    )


def test_nothing_from_the_cluster_reaches_the_terminal_raw(failure):
    evil = "a\x1b[2J\rb\u202e"
    answer = Answer(key="k", outcome=Outcome.OPEN, body=evil, tool="curl", command=f"curl {evil}")
    evidence = (Evidence(role=Role.HOST, subject=evil, answer=answer),)
    why = Reason(code=ReasonCode.OPEN, words=Sentence(evil))
    hostile = replace(failure, name=evil, reason=why, evidence=evidence, target=evil)
    text = failure_text(hostile, context="c")

    assert text.replace("\n", "").isprintable()
    assert r"a\x1b[2J\rb\u202e" in text


REFUSED = Answer(key="k", tool="curl", outcome=Outcome.REFUSED, detail="curl: (7) refused")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        pytest.param(REFUSED, "x refused curl: (7) refused", id="tool-named-once"),
        pytest.param(
            replace(REFUSED, detail="no route"), "x refused curl: no route", id="tool-named"
        ),
        pytest.param(
            replace(REFUSED, outcome=Outcome.OPEN, status=504, body="Gateway", seconds=1.25),
            "x http 504 1.2 s curl: Gateway",
            id="body",
        ),
        pytest.param(replace(REFUSED, outcome=Outcome.TIMEOUT), "x timeout", id="silence"),
    ],
)
def test_evidence_holds_the_words_of_the_tool(failure, answer, line):
    evidence = (Evidence(role=Role.POD, subject="x", answer=answer),)
    words = failure_text(replace(failure, evidence=evidence)).split()

    assert f" evidence {line} predicted " in " ".join(words)
