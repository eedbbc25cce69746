"""A run's reports as files."""

from __future__ import annotations

import os
from pathlib import Path

from npol.model.result import StoryReport
from npol.report.formats import FORMATS

FILES = ("json", "html")


def write_report(directory: str, report: StoryReport) -> None:
    """JSON and HTML, named by story and run."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    name = f"{report.story.replace(os.sep, '-')}-{report.run_id}"
    for shape in FILES:
        text = FORMATS[shape](report)
        Path(directory, f"{name}.{shape}").write_text(text, encoding="utf-8")
