"""
Every form in which a run is written, by name.

A new one is put down here: the command line offers these, and the tests of what no output may hold
go through them.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from npol.model.result import StoryReport
from npol.report.annotations import workflow_commands
from npol.report.html import to_html
from npol.report.json import result_data, to_json
from npol.report.markdown import to_markdown
from npol.report.pytest_text import session_summary, story_text
from npol.report.terminal import Terminal


def _terminal(report: StoryReport) -> str:
    page = StringIO()
    Terminal(Console(file=page, highlight=False, emoji=False, markup=False)).story(report)
    return page.getvalue()


def _summary(report: StoryReport) -> str:
    found = [{"story": report.story, "result": result_data(r)} for r in report.results]
    return "\n".join(session_summary(found, [report])) + "\n"


FORMATS: dict[str, Callable[[StoryReport], str]] = {
    "terminal": _terminal,
    "text": story_text,
    "summary": _summary,
    "md": lambda report: to_markdown([report]),
    "html": lambda report: to_html([report]),
    "json": to_json,
    "annotations": lambda report: "".join(f"{line}\n" for line in workflow_commands([report])),
}
