"""The text of one failure: the most read text of all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.errors import Position
from npol.model.causes import Cause
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.expectation import Outcome, Verdict
from npol.model.prediction import PredictedDecision, Prediction, UnknownReason
from npol.model.probe import Answer, Role
from npol.model.reason import Reason, ReasonCode
from npol.model.result import CheckResult, Diagnosis, Evidence
from npol.model.sentence import Sentence
from npol.report.ask_again import AskAgain
from npol.report.claims import said, summary_of
from npol.report.failure import failure_text
from npol.report.failure_groups import FailureGroup, failure_groups

ALLOW = Prediction(decision=PredictedDecision.ALLOW)
DENY = Prediction(decision=PredictedDecision.DENY)
UNKNOWN = Prediction(
    decision=PredictedDecision.UNKNOWN,
    reason=UnknownReason.OTHER_POLICY_KINDS,
    detail=Sentence("an AdminNetworkPolicy may apply"),
)
TEXT = """\
TOO OPEN: frontend loses the database  (step deny all)
  cause      manifests/deny.yaml:7
             shop/deny selects no pod: it wants app=database, shop/db-0 has app=db
  shop.npol.yaml:31   frontend -> db:5432
  expected   deny
  seen       open
  why        open: ClusterIP 10.96.1.2:5432, pod db-0 10.244.2.9:5432
  source     shop/npol-frontend-1 (10.244.1.7, node worker-1)
  target     shop/db-0 (10.244.2.9, node worker-2)
  asked      15 rounds in 30.2 s; still so 30.0 s after the change
  evidence   name db.shop.svc.cluster.local.  open       3 ms  10.96.1.2
             ClusterIP 10.96.1.2:5432         open      41 ms
             pod db-0 10.244.2.9:5432         timeout   2.0 s
  controls   itself, 10.244.1.7  refused    1 ms
  predicted  allow: packets agree: mend the policy, or the story
  policies   no other policy selects shop/db-0 for Ingress
  by hand    npol probe 'frontend loses the database' --story shop.npol.yaml --at 'deny all' --context dev
  again      pytest 'shop.npol.yaml::deny all::frontend loses the database'
"""  # noqa: E501


def text_of(*results, **how):
    """The explanation of results that have one cause."""
    return failure_text(FailureGroup(results=results), **how)


def test_a_failure_is_explained_from_the_line_to_blame_to_the_command(failure):
    again = AskAgain(
        cluster="--context dev",
        rerun="pytest 'shop.npol.yaml::deny all::frontend loses the database'",
    )

    assert text_of(failure, again=again) == TEXT.rstrip("\n")


def test_a_narrow_page_breaks_sentences_and_never_commands(failure):
    text = text_of(failure, width=60)

    sentences = text[text.index("  predicted") : text.index("  by hand")].split("\n")
    assert max(map(len, sentences)) <= 60
    assert "npol probe 'frontend loses the database' --story shop.npol.yaml --at 'deny all'" in text


@pytest.mark.parametrize(
    ("diagnosis", "predicted", "expected"),
    [
        (
            Diagnosis.POLICY_BUG,
            ALLOW,
            "allow: packets agree: mend the policy, or the story",
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
    text = text_of(replace(failure, diagnosis=diagnosis, predicted=predicted))

    assert f"  predicted  {expected}" in text


def test_a_probe_that_did_not_run_leaves_out_what_is_not_known(flow):
    why = Reason(code=ReasonCode.PROBE_FAILED, said="no exec")
    broken = flow(expected="deny", seen="error", verdict=Verdict.UNKNOWN, reason=why)

    assert text_of(broken) == (
        "UNKNOWN: frontend -> db:5432  (step deny all)\n"
        "  shop.npol.yaml:31   frontend -> db:5432\n"
        "  expected   deny\n"
        "  seen       error\n"
        "  why        the probe did not run: no exec\n"
        "  by hand    npol probe 'frontend -> db:5432' --story shop.npol.yaml --at 'deny all'"
    )


def test_a_lookup_is_a_question(flow):
    lookup = flow(name="x", target="db.shop", expected="dns timeout", verdict=Verdict.TOO_OPEN)

    assert "frontend ? db.shop\n  expected   dns timeout\n  seen       open" in text_of(lookup)


def test_a_failed_check_says_what_was_wanted_and_found():
    check = CheckResult(
        name="endpoints shop/db",
        at=Position("shop.npol.yaml", 9, 5),
        step="one",
        expected=Sentence("port 5432"),
        found=CheckFinding(code=FindingCode.READY_ON),
        verdict=Verdict.WRONG_ANSWER,
        reasons=(CheckFinding(code=FindingCode.DOES_NOT_EXIST, subject="Service db"),),
    )

    assert text_of(check, again=AskAgain(rerun="npol run shop.npol.yaml")) == (
        "WRONG ANSWER: endpoints shop/db  (step one)\n"
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
    text = text_of(replace(failure, evidence=many, target_pods=failure.target_pods * 9))

    assert "             and 28 more" in text
    assert "             - and 5 more pods" in text


def test_nothing_from_the_cluster_reaches_the_terminal_raw(failure):
    evil = "a\x1b[2J\rb\u202e"
    answer = Answer(key="k", outcome=Outcome.OPEN, body=evil, tool="curl", command=f"curl {evil}")
    evidence = (Evidence(role=Role.HOST, subject=evil, answer=answer),)
    why = Reason(code=ReasonCode.OPEN, subject=evil)
    hostile = replace(failure, name=evil, reason=why, evidence=evidence, target=evil)
    text = text_of(hostile)

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
    words = text_of(replace(failure, evidence=evidence)).split()

    assert f" evidence {line} predicted " in " ".join(words)


def cut_by(flow, line, **given):
    """A flow that a line of a policy closes."""
    said = Cause(subject="ingress", what=Sentence("x fits not"), at=Position("allow.yaml", line, 3))
    deny = Prediction(decision=PredictedDecision.DENY, causes=(said,))
    return flow(
        seen="timeout",
        verdict=Verdict.TOO_CLOSED,
        predicted=deny,
        diagnosis=Diagnosis.POLICY_BUG,
        **given,
    )


def test_flows_that_one_line_cuts_are_told_together_with_one_evidence(flow):
    sources = [f"source-{i}" for i in range(8)]
    fix = Cause(what=Sentence("in shop/allow allow TCP 5432"), at=Position("allow.yaml", 7))
    failed = [cut_by(flow, 7, source=s, fixes=(fix,)) for s in sources]

    (group,) = failure_groups(failed)
    text = failure_text(group)

    assert text.startswith(
        "TOO CLOSED: 8 flows, one cause  (step deny all)\n"
        "  cause      allow.yaml:7\n"
        "             x fits not\n"
        "  fix        in shop/allow allow TCP 5432 (allow.yaml:7)\n"
        "  flows      shop.npol.yaml\n"
        "             31  source-0 -> db:5432  allow, seen timeout\n"
    )
    assert text.count(", seen timeout") == 8
    assert text.count("predicted") == text.count("by hand") == 1


def test_flows_of_other_lines_verdicts_or_troubles_are_told_apart(flow):
    starved = Reason(code=ReasonCode.SOURCE_STARVED, subject="a", said="no time")
    unknown = {"verdict": Verdict.UNKNOWN, "seen": "error"}
    failed = [
        cut_by(flow, 7, name="a"),
        cut_by(flow, 9, name="b"),
        replace(cut_by(flow, 7, name="c"), verdict=Verdict.TOO_OPEN),
        flow(name="d", reason=starved, **unknown),
        flow(name="e", reason=replace(starved, subject="b"), **unknown),
        flow(name="f", reason=replace(starved, said="other words"), **unknown),
        cut_by(flow, 7, name="g", step="another step"),
    ]

    names = [[r.name for r in group.results] for group in failure_groups(failed)]

    assert names == [["a", "g"], ["b"], ["c"], ["d", "f"], ["e"]]


def test_a_line_is_not_blamed_where_packets_do_not_do_what_it_says(flow):
    gap = replace(cut_by(flow, 7), diagnosis=Diagnosis.ENFORCEMENT_GAP)

    (group,) = failure_groups([gap])

    assert group.guilty is None
    assert "  cause " not in failure_text(group)


def test_probes_are_given_where_their_pod_is_still_there(failure):
    running = replace(failure, source_pod=replace(failure.source_pod, container="webapp"))
    where = "kubectl exec --context dev -n shop npol-frontend-1 -c"

    assert "kubectl" not in text_of(failure, again=AskAgain(cluster="--context dev"))
    for result, again, container in (
        (running, AskAgain(cluster="--context dev"), "webapp"),
        (failure, AskAgain(cluster="--context dev", kept=True), "npol"),
    ):
        text = text_of(result, again=again)
        assert f"{where} {container} -- curl -sS -m 2 telnet://10.96.1.2:5432\n" in text


@pytest.mark.parametrize("words", [said, summary_of])
def test_one_line_says_why_nothing_is_known(failure, words):
    why = Reason(code=ReasonCode.KIND_NOT_SERVED, said="no such port")
    unknown = replace(failure, verdict=Verdict.UNKNOWN, reason=why)

    assert words(unknown).endswith(": no such port")
    assert not words(failure).endswith(": no such port")
