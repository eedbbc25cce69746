"""`npol report`: show me an earlier run."""

from __future__ import annotations

from pathlib import Path

from npol.cli.arguments.report import ReportArguments, ReportFormat
from npol.cli.streams import say
from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.formats import FORMATS
from npol.report.json import from_json
from npol.report.terminal import Terminal


def report(arguments: ReportArguments) -> int:
    found = read_report(arguments.file)
    if arguments.shape is ReportFormat.TERMINAL:
        Terminal().story(found)
    else:
        say(FORMATS[arguments.shape](found), nl=False)
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
