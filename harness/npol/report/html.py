"""
A run as one HTML file: nothing is loaded from elsewhere, and nothing needs its few lines of script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from npol.model.result import StoryReport
from npol.report import durations, summary, watch_text
from npol.report.causes import placed
from npol.report.claims import said
from npol.report.compare import result_words
from npol.report.escape import safe
from npol.report.failure import aside, blame_parts, heading
from npol.report.failure_groups import MOST_EXPLAINED, FailureGroup
from npol.report.pairs import pairs_lines
from npol.report.reasons import reason_words
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.story_page import story_page
from npol.report.symbols import MEANINGS, tone_of

BIG = 1_000
"""Results above which browsers are told to lay steps out when they come into view."""

WORDS = (
    summary.cluster_line,
    summary.cost_line,
    summary.counted,
    durations.enforced,
    summary.enforcement_line,
    summary.last_line,
    summary.not_counted,
    summary.proven_line,
    summary.restore_line,
    aside,
    blame_parts,
    heading,
    placed,
    reason_words,
    result_words,
    said,
    expected_words,
    seen_words,
    tone_of,
    pairs_lines,
    watch_text.gap_words,
    watch_text.gaps_in_words,
    watch_text.watch_line,
)


def to_html(reports: Sequence[StoryReport], against: Sequence[StoryReport] = ()) -> str:
    """
    All runs of a session on one page.

    `against`: earlier runs; a story is compared with the one of its name.
    """
    before = {report.story: report for report in against}
    pages = [story_page(report, n, before.get(report.story)) for n, report in enumerate(reports, 1)]
    big = sum(len(report.results) for report in reports) > BIG
    return _page("page.html.j2", pages=pages, big=big)


def index_page(reports: Mapping[str, StoryReport]) -> str:
    """What stories there are: by the names of the files that tell of them."""
    return _page("index.html.j2", reports=reports)


def _page(name: str, **values: object) -> str:
    script = _text("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assets = {"style": Markup(_text("style.css")), "script": Markup(script), "script_hash": digest}
    return _environment().get_template(name).render(**assets, **values)


def _text(name: str) -> str:
    return files("npol.report").joinpath("page", name).read_text(encoding="utf-8").strip("\n")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_text),
    )
    environment.filters["safe_text"] = safe
    environment.globals.update({f.__name__: f for f in WORDS})
    environment.globals.update(
        meanings=MEANINGS, one=FailureGroup.of, most_explained=MOST_EXPLAINED
    )
    return environment
