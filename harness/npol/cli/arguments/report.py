"""What can be said to `npol report`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Kubeconfig
from npol.kube.guard import STATE_NAMESPACE


class ReportFormat(enum.StrEnum):
    """How a run is shown."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    JUNIT = "junit"
    GITLAB = "gitlab"
    SARIF = "sarif"
    TAP = "tap"
    PROMETHEUS = "prometheus"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportArguments:
    """See `npol report --help`."""

    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="What `npol run --report` wrote as JSON; several are shown as one run.",
        ),
    ] = None
    job: Annotated[
        str | None,
        typer.Option(
            "--job",
            metavar="NAME",
            help="Read what the pods of this Job have logged (`run --report -`), and end as their "
            "runs did; 3 where one has no report.",
        ),
    ] = None
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Of the Job.")] = (
        STATE_NAMESPACE
    )
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the Job to end.")
    ] = 0.0
    context: Context = None
    kubeconfig: Kubeconfig = None
    shape: Annotated[ReportFormat, typer.Option("--format", help="How it is shown.")] = (
        ReportFormat.TERMINAL
    )
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write it instead; the file's suffix says how, as for `npol run` (repeat).",
        ),
    ] = None
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE", help="An earlier run: what differs since."),
    ] = None
