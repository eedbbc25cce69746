"""A run in Prometheus' text format, for node_exporter's textfile collector or a Pushgateway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from npol.model.result import FlowResult, StoryReport
from npol.report.escape import safe

METRICS = {
    "npol_run_timestamp_seconds": "When the run began, in seconds since 1970.",
    "npol_run_duration_seconds": "How long the run took.",
    "npol_run_exit_code": "What the run ended with; 0 is as expected.",
    "npol_restore_complete": "Whether the cluster is as it was found.",
    "npol_results": "Flows and checks by verdict.",
    "npol_flow_as_expected": "Whether a flow is as expected; its verdict is a label.",
    "npol_flow_enforced_seconds": "From a step's change to the last wrong outcome of a flow.",
}

Sample = tuple[str, dict[str, str], float]


def to_prometheus(reports: Sequence[StoryReport]) -> str:
    """
    All runs of a job; the samples of a metric stand together.

    None may stand twice: stories of one name are told apart by their files.
    """
    samples = [s for report in reports for s in _samples(report)]
    lines: list[str] = []
    for metric, text in METRICS.items():
        own = [s for s in samples if s[0] == metric]
        head = [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
        lines += [*head, *map(_line, own)] if own else []
    return "\n".join(lines) + "\n"


def _samples(report: StoryReport) -> Iterator[Sample]:
    cluster = report.cluster.context if report.cluster else ""
    of_run = {"story": report.story, "file": report.path, "cluster": cluster}
    with suppress(ValueError):  # a report that somebody wrote by hand
        began = datetime.fromisoformat(report.started)
        yield "npol_run_timestamp_seconds", of_run, began.timestamp()
    yield "npol_run_duration_seconds", of_run, report.seconds
    yield "npol_run_exit_code", of_run, report.exit_status
    if report.restore:
        yield "npol_restore_complete", of_run, float(report.restore.proven)
    counts = Counter("skipped" if r.skipped else r.verdict.value for r in report.results)
    for verdict, count in counts.items():
        yield "npol_results", {**of_run, "verdict": verdict}, count
    for flow in (r for r in report.results if isinstance(r, FlowResult) and not r.skipped):
        labels = {
            **of_run,
            "step": flow.step,
            "flow": flow.name,
            "source": flow.source,
            "target": flow.target,
        }
        judged = {**labels, "expected": str(flow.expected), "verdict": flow.verdict.value}
        yield "npol_flow_as_expected", judged, float(flow.passed)
        if flow.enforced_after is not None:
            yield "npol_flow_enforced_seconds", labels, flow.enforced_after


def _line(sample: Sample) -> str:
    metric, labels, value = sample
    inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{metric}{{{inner}}} {value:.12g}"


def _escaped(text: str) -> str:
    """Source: Prometheus' exposition formats, "Text format details"."""
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')
