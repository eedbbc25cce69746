"""All that is known of one flow, in paragraphs: its pods, answers, controls, predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from npol.model.expectation import Outcome, Verdict
from npol.model.flow_summary import FlowSummary
from npol.model.packet_fate import Fate
from npol.model.probe import Answer, PodRef
from npol.model.reason import ReasonCode
from npol.model.result import Diagnosis, Evidence, FlowResult
from npol.report.ask_again import CONTROLS
from npol.report.causes import placed, prediction_words
from npol.report.durations import by_records, span
from npol.report.escape import safe, short
from npol.report.failure_groups import guilty
from npol.report.failure_part import MOST_LISTED, FailurePart, Layout
from npol.report.fresh_words import start_words
from npol.report.pairs import pair_rows
from npol.report.seen_and_why import why_words
from npol.report.summary import Result


def evidence_parts(result: FlowResult) -> list[FailurePart]:
    """All that is known of one flow, but for its claim and the line to blame."""
    controls = [e for e in result.evidence if e.role in CONTROLS]
    asked = [e for e in result.evidence if e.role not in CONTROLS]
    return [
        why_part(result),
        FailurePart("source", tuple(_pod(p) for p in (result.source_pod,) if p)),
        FailurePart("its pods", tuple(_few(list(_by_pod(result)), 10, "pods")), Layout.COLUMNS),
        FailurePart("pairs", tuple(_pairs(result)), Layout.COLUMNS),
        FailurePart("target", tuple(_few([_pod(p) for p in result.target_pods], 4, "pods"))),
        FailurePart("asked", (_timing(result),) if result.rounds else ()),
        FailurePart("evidence", tuple(_table(asked)), Layout.COLUMNS),
        FailurePart("controls", tuple(_table(controls)), Layout.COLUMNS),
        FailurePart("beside it", tuple(_few([*map(_summary, result.told_beside)], 4, "flows"))),
        FailurePart("predicted", tuple(_prediction(result))),
        FailurePart("policies", tuple(_causes(result))),
    ]


def _summary(told: FlowSummary) -> str:
    """`Calico, ingress, 22:40:00 to 22:40:15 UTC: denied by default: NetworkPolicy shop/deny`."""
    start, end = (f"{datetime.fromtimestamp(t, UTC):%H:%M:%S}" for t in (told.start, told.end))
    denied = f"denied{' by default' if told.by_default else ''}"
    names = f": {', '.join(map(str, told.policies))}" if told.policies else ""
    did = denied if told.denied else "allowed"
    return safe(f"Calico, {told.side.value}, {start} to {end} UTC: {did}{names}")


def _pod(pod: PodRef) -> str:
    facts = [pod.ip or "no address", *([f"node {pod.node}"] if pod.node else [])]
    facts += ["host network"] if pod.host_network else []
    return safe(f"{pod} ({', '.join(facts)})")


def _pairs(result: FlowResult) -> Iterator[str]:
    """Those that failed; all other parts are about the one that is shown."""
    if result.pairs and not result.passed:
        yield from _few(list(pair_rows(result.pairs)), MOST_LISTED, "pairs")
        if len(result.pairs.failing) > 1:
            yield f"in full: {safe(str(result.pairs.shown))}"


def _by_pod(result: FlowResult) -> Iterator[str]:
    """Each pod that was asked, those that failed first, and how many were not."""
    for one in sorted(result.by_pod, key=lambda p: p.verdict is Verdict.AS_EXPECTED):
        yield f"{one.pod.name}  {one.verdict.value}, {safe(one.seen)}"
    if result.by_pod and result.source_pods > len(result.by_pod):
        yield f"{result.source_pods - len(result.by_pod)} more were not asked"


def _timing(result: FlowResult) -> str:
    rounds = f"{result.rounds} round{'s' if result.rounds != 1 else ''}"
    text = f"{rounds} in {span(result.settled_after)}"
    if result.enforced_after:
        what = "still so" if _to_the_end(result) else "the last wrong outcome"
        text += f"; {what} {span(result.enforced_after)} after the change"
    if result.enforced_between:
        text += f"; enforced, {by_records(result.enforced_between)}"
    if result.fresh:
        text += f"; {start_words(result.fresh)}"
    return text


def _to_the_end(result: FlowResult) -> bool:
    """Whether it was wrong in the last round, too; one that came too late was right then."""
    too_slow = result.reason is not None and result.reason.code is ReasonCode.TOO_SLOW
    wrong = result.verdict in (Verdict.TOO_OPEN, Verdict.TOO_CLOSED, Verdict.WRONG_ANSWER)
    return wrong and not too_slow


def _table(evidence: Sequence[Evidence]) -> Iterator[str]:
    """One line for each answer: what was asked, the outcome, how long, the tool's words."""
    shown = evidence[:12]
    subject = max((len(safe(e.subject)) for e in shown), default=0)
    outcome = max((len(seen(e.answer)) for e in shown), default=0)
    for e in shown:
        row = f"{safe(e.subject):<{min(subject, 60)}}  {seen(e.answer):<{outcome}}  "
        words = "; ".join(w for w in (_detail(e.answer), recorded(e)) if w)
        yield f"{row}{_seconds(e.answer)}  {words}".rstrip()
    if len(evidence) > len(shown):
        yield f"and {len(evidence) - len(shown)} more"


def recorded(e: Evidence) -> str:
    """What the data plane told of a probe; "" where it told nothing."""
    silent = e.fate is None or e.fate.fate in (Fate.UNTOLD, Fate.UNMARKED)
    return "" if silent else safe(str(e.fate))


def seen(answer: Answer) -> str:
    """An answer in a word or two: `open`, `timeout`, `http 504`."""
    return f"http {answer.status}" if answer.status else answer.outcome.value


def _seconds(answer: Answer) -> str:
    return f"{span(answer.seconds) if answer.seconds else '':>6}"


def why_part(result: Result) -> FailurePart:
    return FailurePart("why", (safe(words),) if (words := why_words(result)) else ())


def _detail(answer: Answer) -> str:
    """The tool's own words, where they say more than the outcome."""
    if answer.outcome is Outcome.TIMEOUT:
        return ""
    if answer.addresses:
        return short(", ".join(answer.addresses), 60)
    said = answer.detail if answer.outcome is not Outcome.OPEN else answer.body
    named = not said or not answer.tool or said.startswith(f"{answer.tool}:")
    return short(said if named else f"{answer.tool}: {said}", 100)


DIAGNOSES = {
    Diagnosis.NONE: "",
    Diagnosis.POLICY_BUG: "packets agree: mend the policy, or the story",
    Diagnosis.ENFORCEMENT_GAP: "packets do not do what the policies say:"
    " look at the network plugin, not at the manifests",
    Diagnosis.OTHER_POLICY: "the data plane names another policy than the prediction",
    Diagnosis.BROKEN_PROBE: "the probe did not run, which says nothing about any policy",
}


_HELD_AS_FORETOLD = (
    "packets agree, and no policy changes that: network plugins differ in what becomes of open"
    " connections (expect: {calico: lives, cilium: cut})"
)


def _prediction(result: FlowResult) -> Iterator[str]:
    diagnosis = DIAGNOSES[result.diagnosis]
    if result.expected.held and result.diagnosis is Diagnosis.POLICY_BUG:
        diagnosis = _HELD_AS_FORETOLD
    if result.predicted:
        yield safe(prediction_words(result.predicted)) + (f": {diagnosis}" if diagnosis else "")
    elif diagnosis:
        yield diagnosis


def _causes(result: FlowResult) -> Iterator[str]:
    """The policies' reasons, without the one that is blamed."""
    blamed = guilty(result)
    others = [c for c in result.causes if c is not blamed]
    yield from map(placed, others[:8])
    if len(others) > 8:
        yield f"and {len(others) - 8} more"


def _few(lines: Sequence[str], most: int, what: str) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], *([f"and {more} more {what}"] if more > 0 else [])]
