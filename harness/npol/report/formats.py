"""
Every form in which a run is written, by name.

A new one is put down here: the command line offers these, and the tests of what no output may hold
go through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO

from rich.console import Console

from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.annotations import workflow_commands
from npol.report.findings import to_gitlab, to_sarif
from npol.report.graph import to_dot, to_mermaid
from npol.report.html import to_html
from npol.report.json import result_data, to_json, to_json_line, to_json_together
from npol.report.junit import to_junit
from npol.report.map_svg import to_svg
from npol.report.markdown import to_markdown
from npol.report.prometheus import to_prometheus
from npol.report.pytest_text import session_summary, story_text
from npol.report.tap import to_tap
from npol.report.terminal import Terminal


def _terminal(report: StoryReport) -> str:
    page = StringIO()
    Terminal(Console(file=page, highlight=False, emoji=False, markup=False)).story(report)
    return page.getvalue()


def _summary(report: StoryReport) -> str:
    about = {"story": report.story, "path": report.path}
    found = [{**about, "result": result_data(r)} for r in report.results]
    return "\n".join(session_summary(found, [report])) + "\n"


FORMATS: dict[str, Callable[[StoryReport], str]] = {
    "terminal": _terminal,
    "text": story_text,
    "summary": _summary,
    "json": to_json,
    "line": lambda report: to_json_line([report]),
    "annotations": lambda report: "".join(f"{line}\n" for line in workflow_commands([report])),
    "mermaid": lambda report: to_mermaid(report),
    "dot": lambda report: to_dot(report),
    "svg": lambda report: to_svg(report),
    "md": lambda report: to_markdown([report]),
    "html": lambda report: to_html([report]),
    "junit": lambda report: to_junit([report]),
    "gitlab": lambda report: to_gitlab([report]),
    "sarif": lambda report: to_sarif([report]),
    "tap": lambda report: to_tap([report]),
    "prometheus": lambda report: to_prometheus([report]),
}
_TOGETHER: dict[str, Callable[[Sequence[StoryReport]], str]] = {
    "json": lambda reports: to_json_together(reports),
    "line": lambda reports: to_json_line(reports),
    "md": to_markdown,
    "html": to_html,
    "junit": to_junit,
    "gitlab": to_gitlab,
    "sarif": to_sarif,
    "tap": to_tap,
    "prometheus": to_prometheus,
}


def holds_none(name: str) -> bool:
    """Whether the format can say that there was no run at all."""
    return name in _TOGETHER


def together(name: str, reports: Sequence[StoryReport]) -> str:
    """
    Several runs in one file.

    Raises:
        InputError: the format holds one run only.
    """
    if len(reports) == 1:
        return FORMATS[name](reports[0])
    check_holds(name, len(reports))
    return _TOGETHER[name](reports)


def check_holds(name: str, runs: int) -> None:
    """
    Raises:
        InputError: the format holds one run only, and there are more, or none.
    """
    if runs != 1 and name not in _TOGETHER:
        raise InputError(
            f"the format {name!r} holds one run, these are {runs}",
            hint=f"run them one by one, or one of: {', '.join(_TOGETHER)}",
        )
