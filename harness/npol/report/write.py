"""Runs as files, in the form that a file's name asks for."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable, Sequence
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
LONGEST = 200
"""Bytes of a story's name in a file's name, which may have 255."""


def format_of(file: str) -> str:
    """
    Raises:
        InputError: the file's suffix says nothing.
    """
    for suffix, name in SUFFIXES.items():
        if file.lower().endswith(suffix):
            return name
    raise InputError(f"{file}: its suffix names no format", hint=f"one of: {', '.join(SUFFIXES)}")


def check_file(file: str) -> None:
    """
    To be called before a run, whose report would be lost; a link leads to where it is written.

    Raises:
        InputError: the file cannot be written.
    """
    place = Path(os.path.realpath(file))
    if place.is_dir():
        raise InputError(f"{file}: it is a directory")
    if not place.exists():
        if not place.parent.is_dir():
            folder = os.path.dirname(file) if not os.path.islink(file) else str(place.parent)
            hint = f"mkdir -p {shlex.quote(folder)}"
            raise InputError(f"{file}: there is no directory {folder}", hint=hint)
        place = place.parent
    if not os.access(place, os.W_OK):
        raise InputError(f"{file}: {os.strerror(errno.EACCES)}")


def check_directory(directory: str) -> None:
    """
    As `check_file`, for `write_report`, which makes the directory.

    Raises:
        InputError: it cannot be made, or nothing written there.
    """
    place = Path(os.path.realpath(directory))
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{directory}: not a directory: {place}")
    if not os.access(place, os.W_OK):
        raise InputError(f"{directory}: {os.strerror(errno.EACCES)}")


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


def write_files(files: Iterable[tuple[str, str]], reports: Sequence[StoryReport]) -> None:
    """
    Each file in its format, also where another one cannot be written.

    Raises:
        InputError: names those that cannot be written.
    """
    problems = []
    for file, shape in files:
        try:
            write_file(file, reports, shape)
        except InputError as error:
            problems.append(error.message)
    if problems:
        raise InputError("\n".join(problems))


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
    """
    JSON and HTML, named by story and run.

    Raises:
        InputError: they cannot be written.
    """
    for shape in FILES:
        _write_into(directory, file_name(report, shape), FORMATS[shape](report))


def write_index(directory: str, reports: Sequence[StoryReport]) -> None:
    """
    A page that leads to those of `write_report`.

    Raises:
        InputError: it cannot be written.
    """
    pages = {file_name(report, "html"): report for report in reports}
    _write_into(directory, "index.html", index_page(pages))


def _write_into(directory: str, name: str, text: str) -> None:
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        Path(directory, name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{os.path.join(directory, name)}: {error.strerror}") from error


def file_name(report: StoryReport, shape: str) -> str:
    """Of a story's name as much as a file's name has room for, whatever its letters take."""
    story = report.story.replace(os.sep, "-").encode()[:LONGEST].decode(errors="ignore")
    return f"{story}-{report.run_id}.{shape}"
