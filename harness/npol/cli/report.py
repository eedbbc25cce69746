"""`npol report`: show me an earlier run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from npol.cli.arguments.report import ReportArguments, ReportFormat
from npol.cli.streams import say
from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.compare import differences
from npol.report.formats import FORMATS
from npol.report.html import to_html
from npol.report.json import from_json
from npol.report.terminal import Terminal


def report(arguments: ReportArguments) -> int:
    found = read_report(arguments.file)
    before = read_report(arguments.against) if arguments.against else None
    if before and arguments.shape not in (ReportFormat.TERMINAL, ReportFormat.HTML):
        raise InputError(
            f"--against is not for --format {arguments.shape}", hint="--format html, or none"
        )
    if before and arguments.shape is ReportFormat.HTML:
        say(to_html([found], [replace(before, story=found.story)]), nl=False)
    elif before:
        for line in [str(d) for d in differences(found, before)] or ["nothing differs"]:
            say(line)
    elif arguments.shape is ReportFormat.TERMINAL:
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
