"""A run's reports as files."""

from __future__ import annotations

import os
from pathlib import Path

from npol.model.result import StoryReport
from npol.report.html import to_html
from npol.report.json import to_json


def write_report(directory: str, report: StoryReport) -> None:
    """JSON and HTML, named by story and run."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    name = f"{report.story.replace(os.sep, '-')}-{report.run_id}"
    Path(directory, f"{name}.json").write_text(to_json(report), encoding="utf-8")
    Path(directory, f"{name}.html").write_text(to_html([report]), encoding="utf-8")
