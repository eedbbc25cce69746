"""Runs as files, in the form that a file's name asks for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from npol.errors import InputError
from npol.model.result import StoryReport
from npol.report.formats import FORMATS, together
from npol.report.html import index_page
from npol.report.markdown import to_markdown

FILES = ("json", "html")
SUFFIXES = {
    ".gitlab.json": "gitlab",
    ".json": "json",
    ".html": "html",
    ".htm": "html",
    ".xml": "junit",
    ".md": "md",
    ".sarif": "sarif",
    ".tap": "tap",
    ".prom": "prometheus",
    ".svg": "svg",
    ".dot": "dot",
    ".mmd": "mermaid",
    ".txt": "text",
}
"""Formats by a file's ending; the longest one that fits counts."""


def format_of(file: str) -> str:
    """
    Raises:
        InputError: the file's suffix says nothing.
    """
    for suffix, name in SUFFIXES.items():
        if file.lower().endswith(suffix):
            return name
    raise InputError(f"{file}: its suffix names no format", hint=f"one of: {', '.join(SUFFIXES)}")


def write_file(file: str, reports: Sequence[StoryReport], shape: str = "") -> None:
    """
    One file that tells of all runs.

    Raises:
        InputError: it cannot be written, or its suffix says nothing.
    """
    shape = shape or format_of(file)
    text = together(shape, reports)
    try:
        if shape == "prometheus":
            _replace(Path(file), text)
        else:
            Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _replace(file: Path, text: str) -> None:
    """At once: a textfile collector reads at any time, and takes no half of a file."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def append_summary(file: str, reports: Sequence[StoryReport]) -> None:
    """GitHub's job summary: other steps of the job write there, too."""
    with suppress(OSError), Path(file).open("a", encoding="utf-8") as summary:
        summary.write(to_markdown(reports) + "\n")


def write_report(directory: str, report: StoryReport) -> None:
    """JSON and HTML, named by story and run."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    for shape in FILES:
        text = FORMATS[shape](report)
        Path(directory, file_name(report, shape)).write_text(text, encoding="utf-8")


def write_index(directory: str, reports: Sequence[StoryReport]) -> None:
    """A page that leads to those of `write_report`."""
    pages = {file_name(report, "html"): report for report in reports}
    Path(directory).mkdir(parents=True, exist_ok=True)
    Path(directory, "index.html").write_text(index_page(pages), encoding="utf-8")


def file_name(report: StoryReport, shape: str) -> str:
    return f"{report.story.replace(os.sep, '-')}-{report.run_id}.{shape}"
