"""`npol report`: show me an earlier run."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.formats import FORMATS
from npol.report.json import from_json
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
        typer.echo(FORMATS[shape](found), nl=False)
    return 0


def read_report(file: str) -> StoryReport:
    """
    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        return from_json(Path(file).read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
