"""A run as one HTML file: no scripts, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import jinja2

from npol.model.result import StoryReport
from npol.report.escape import safe
from npol.report.failure import AskAgain, aside, failure_parts, heading, is_lookup
from npol.report.failure_groups import failure_groups
from npol.report.grid import StoryGrids
from npol.report.summary import (
    cluster_line,
    cost_line,
    counted,
    enforced,
    enforcement_line,
    failures,
    last_line,
    not_counted,
    proven_line,
    restore_line,
)
from npol.report.symbols import tone_of


def to_html(reports: Sequence[StoryReport]) -> str:
    """All runs of a session on one page."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["safe_text"] = safe
    environment.tests["lookup"] = is_lookup
    words = (
        cluster_line,
        cost_line,
        counted,
        enforcement_line,
        failures,
        last_line,
        not_counted,
        proven_line,
    )
    environment.globals.update({f.__name__: f for f in words})
    environment.globals.update(
        AskAgain=AskAgain,
        StoryGrids=StoryGrids,
        aside=aside,
        failure_groups=failure_groups,
        failure_parts=failure_parts,
        heading=heading,
        enforced=enforced,
        restore_line=restore_line,
        tone_of=tone_of,
    )
    template = files("npol.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(reports=reports)
