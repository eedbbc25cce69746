"""`npol report`: show me an earlier run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from npol.cli.arguments.report import ReportArguments, ReportFormat
from npol.cli.job_reports import JobReports, reports_of_job
from npol.cli.streams import say
from npol.errors import ExitCode, InputError, worst
from npol.model.next_command import npol_command
from npol.model.result import StoryReport
from npol.report.compare import differences
from npol.report.escape import safe
from npol.report.formats import together
from npol.report.html import to_html
from npol.report.json import from_json, reports_from_json
from npol.report.summary import together_line
from npol.report.terminal import Terminal
from npol.report.write import check_file, format_of, write_files


def report(arguments: ReportArguments) -> int:
    shapes = {file: format_of(file) for file in arguments.report or ()}
    for file in shapes:
        check_file(file)
    if bool(arguments.files) == bool(arguments.job):
        raise InputError("either files or --job NAME say which run", hint="npol report run.json")
    if arguments.job:
        found = reports_of_job(
            arguments.job,
            namespace=arguments.namespace,
            wait=arguments.wait,
            kubeconfig=arguments.kubeconfig,
            context=arguments.context,
        )
        _show(found.reports, arguments, shapes)
        return _ended(found)
    read = {file: _reports(file) for file in arguments.files or ()}
    _show(in_one(read), arguments, shapes)
    return int(ExitCode.AS_EXPECTED)


def _show(
    reports: Sequence[StoryReport], arguments: ReportArguments, shapes: Mapping[str, str]
) -> None:
    if arguments.against:
        _compare(reports, read_report(arguments.against), arguments.shape)
        return
    write_files(shapes.items(), reports)
    if not shapes and arguments.shape is not ReportFormat.TERMINAL:
        say(together(arguments.shape, reports), nl=False)
        return
    for one in reports if not shapes else ():
        Terminal().story(one)
        say("")
    if len(reports) != 1 or shapes:
        say(together_line(reports))


def _compare(reports: Sequence[StoryReport], before: StoryReport, shape: ReportFormat) -> None:
    if shape not in (ReportFormat.TERMINAL, ReportFormat.HTML):
        raise InputError(f"--against is not for --format {shape}", hint="--format html, or none")
    if len(reports) != 1:
        raise InputError(f"--against compares one run with another, these are {len(reports)}")
    (found,) = reports
    if shape is ReportFormat.HTML:
        say(to_html([found], [replace(before, story=found.story)]), nl=False)
        return
    for line in [str(d) for d in differences(found, before)] or ["nothing differs"]:
        say(line)


def _ended(found: JobReports) -> int:
    """As the runs ended; a part that says nothing is unknown, whatever the others say."""
    for line in found.missing:
        say(f"npol: {safe(line)}", err=True)
    unknown = [int(ExitCode.UNKNOWN)] if found.missing else []
    return worst([*(r.exit_status for r in found.reports), *unknown])


def in_one(read: Mapping[str, Sequence[StoryReport]]) -> list[StoryReport]:
    """
    What several files or pods tell, as one run over all of the stories would: by their paths.

    Raises:
        InputError: two tell of the same story on the same cluster.
    """
    told_by: dict[tuple[str, str, str], str] = {}
    for origin, reports in read.items():
        for one in reports:
            place = (one.path, one.story, one.cluster.server if one.cluster else "")
            if (other := told_by.setdefault(place, origin)) != origin:
                against = shlex.join(["--against", other])
                compare = npol_command("report", path=origin, options=against)
                raise InputError(
                    f"{other} and {origin} both tell of story {one.story} ({one.path})",
                    hint=f"what differs between them: {compare}",
                )
    return sorted((one for reports in read.values() for one in reports), key=lambda r: r.path)


def read_report(file: str) -> StoryReport:
    """
    Raises:
        InputError: it cannot be read, or is none.
    """
    return from_json(_content(file))


def _reports(file: str) -> list[StoryReport]:
    return reports_from_json(_content(file))


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
