"""What can be said to `npol report`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

import typer


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

    file: Annotated[str, typer.Argument(metavar="FILE", help="What `npol run --report` wrote.")]
    shape: Annotated[ReportFormat, typer.Option("--format", help="How it is shown.")] = (
        ReportFormat.TERMINAL
    )
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE", help="An earlier run: what differs since."),
    ] = None
