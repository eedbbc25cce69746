"""`npol report`: show me an earlier run."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.html import to_html
from npol.report.json import from_json, to_json
from npol.report.markdown import to_markdown
from npol.report.terminal import Terminal


class ReportFormat(enum.StrEnum):
    """How a run is shown."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"


def report(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `npol run --report` wrote.")],
    shape: Annotated[
        ReportFormat, typer.Option("--format", help="How it is shown.")
    ] = ReportFormat.TERMINAL,
) -> int:
    found = read_report(file)
    if shape is ReportFormat.TERMINAL:
        Terminal().story(found)
    else:
        typer.echo(_written(found, shape), nl=False)
    return 0


def _written(found: StoryReport, shape: ReportFormat) -> str:
    if shape is ReportFormat.MARKDOWN:
        return to_markdown([found])
    return to_html([found]) if shape is ReportFormat.HTML else to_json(found)


def read_report(file: str) -> StoryReport:
    """
    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        return from_json(Path(file).read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
