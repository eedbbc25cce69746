"""The commands that ask again what a report tells."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from npol.model.probe import Role
from npol.model.result import FlowResult, StoryReport
from npol.report.escape import safe
from npol.report.failure_part import FailurePart, Layout
from npol.report.flow_line import target
from npol.report.summary import Result

DEBUG_CONTAINER = "npol"
"""The container of a debug pod, which is gone after its run."""
CONTROLS = (Role.SELF, Role.ALIVE, Role.SENDS, Role.BESIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """How commands name what they are about."""

    cluster: str = ""
    """`--context dev --kubeconfig FILE`; "" for a lab."""
    rerun: str = ""
    """The command that runs it all again; "" where that is said elsewhere."""
    kept: bool = False
    """Whether the debug pods are still there."""

    @staticmethod
    def of(report: StoryReport) -> AskAgain:
        """What a run says of itself."""
        kept = report.restore is not None and bool(report.restore.kept)
        return AskAgain(cluster=report.cluster.options if report.cluster else "", kept=kept)


IN_A_LAB = AskAgain()


def command_parts(result: Result, again: AskAgain) -> list[FailurePart]:
    probe: tuple[str, ...] = ()
    if isinstance(result, FlowResult) and not result.expected.held:
        probe = (probe_command(result, again.cluster), *exec_commands(result, again))
    rerun = (again.rerun,) if again.rerun else ()
    return [
        FailurePart("by hand", probe, Layout.COMMANDS),
        FailurePart("again", rerun, Layout.COMMANDS),
    ]


def exec_commands(result: FlowResult, again: AskAgain) -> list[str]:
    """The probes behind the answers, inside a pod that is still there; the first two."""
    pod = result.source_pod
    if pod is None or not (again.kept or pod.container != DEBUG_CONTAINER):
        return []
    container = f" -c {pod.container}" if pod.container else ""
    where = f"kubectl exec {again.cluster} -n {pod.namespace} {pod.name}{container}"
    asked = (e.answer.command for e in result.evidence if e.role not in CONTROLS)
    return [
        safe(f"{where} -- {command}") for command in list(dict.fromkeys(filter(None, asked)))[:2]
    ]


def probe_command(result: FlowResult, cluster: str) -> str:
    """The command that asks this flow, or the pair of it that is shown, up to its step."""
    name, expected = result.name, []
    if result.pairs:
        pair, port = result.pairs.shown, target(result).rpartition(":")[2]
        name = f"{pair.source} -> {pair.target}:{port}" if pair.target else name
        expected = ["--expect", str(result.expected)] if pair.target else []
    words = ["npol", "probe", name, "--story", result.at.file, "--at", result.step, *expected]
    return safe(f"{shlex.join(words)}{f' {cluster}' if cluster else ''}")
