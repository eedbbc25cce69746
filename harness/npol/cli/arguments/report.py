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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportArguments:
    """See `npol report --help`."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="What `npol run --report` wrote.")]
    shape: Annotated[ReportFormat, typer.Option("--format", help="How it is shown.")] = (
        ReportFormat.TERMINAL
    )
