"""The answer of a probe that expects nothing: what was seen, what is predicted, do they agree."""

from __future__ import annotations

from dataclasses import replace

from npol.errors import ExitCode
from npol.model.expectation import Verdict
from npol.model.result import Diagnosis, FlowResult, StoryReport, Witnesses
from npol.report.causes import prediction_words
from npol.report.escape import safe
from npol.report.failure_part import WIDTH, FailurePart, laid_out
from npol.report.flow_evidence import DIAGNOSES, evidence_parts
from npol.report.seen_and_why import seen_words
from npol.report.summary import cluster_name, meaning

_TOGETHER = {
    Witnesses.AGREE: "packets and prediction agree",
    Witnesses.DIFFER: "packets and prediction differ",
    Witnesses.PACKETS_ONLY: "answered by packets only",
}
_BESIDE_PREDICTION = {
    Witnesses.AGREE: ": packets agree",
    Witnesses.DIFFER: f": {DIAGNOSES[Diagnosis.ENFORCEMENT_GAP]}",
    Witnesses.PACKETS_ONLY: "",
}


def seen_text(result: FlowResult, width: int = WIDTH) -> str:
    """One flow with its evidence, without a word on what is right: `web -> db:5432: timeout`."""
    lines = [f"{safe(result.name)}: {safe(seen_words(result)) or 'no answer'}"]
    for part in evidence_parts(without_claim(result)):
        shown = _predicted(result) if part.label == "predicted" else part
        lines += laid_out(shown, width) if shown.lines else []
    return "\n".join(lines)


def seen_line(report: StoryReport, answer: FlowResult, status: int) -> str:
    """The last line: `packets and prediction agree in 1.4 s; cluster dev: exit code 0`."""
    code = f"exit code {status}"
    if status not in (ExitCode.AS_EXPECTED, ExitCode.UNKNOWN):
        code += f", {meaning(status)}"
    together = _TOGETHER[answer.witnesses]
    return f"{together} in {report.seconds:.1f} s; {cluster_name(report)}: {code}"


def without_claim(result: FlowResult) -> FlowResult:
    """The same where whatever was seen is as expected."""
    return replace(result, verdict=Verdict.AS_EXPECTED, reason=None, diagnosis=Diagnosis.NONE)


def _predicted(result: FlowResult) -> FailurePart:
    if result.predicted is None:
        return FailurePart("predicted", ())
    beside = _BESIDE_PREDICTION[result.witnesses]
    if result.diagnosis is Diagnosis.OTHER_POLICY:
        beside = f": {DIAGNOSES[result.diagnosis]}"
    return FailurePart("predicted", (f"{safe(prediction_words(result.predicted))}{beside}",))
