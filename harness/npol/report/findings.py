"""
A run's failures for code review: GitLab's code quality, and code scanning (SARIF 2.1.0).

One finding for each cause, at the line to blame; without one, at the story's line. What went
wrong beside flows is one, too: a run that ended early leaves no page that looks clean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from npol import __version__
from npol.errors import Position
from npol.model.expectation import Verdict
from npol.model.result import StoryReport
from npol.report.causes import fact_words
from npol.report.claims import summary_of
from npol.report.escape import safe
from npol.report.failure import heading
from npol.report.failure_groups import FailureGroup, failure_groups
from npol.report.summary import failures
from npol.report.symbols import Tone, tone_of
from npol.report.troubles import Trouble, troubles

TROUBLE = "npol/trouble"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_gitlab(reports: Sequence[StoryReport]) -> str:
    """Code quality, as `artifacts: reports: codequality` takes it."""
    issues = [_issue(report, group) for report, group in _groups(reports)]
    issues += [_trouble(report, one) for report in reports for one in troubles(report)]
    return json.dumps(issues, indent=1) + "\n"


def to_sarif(reports: Sequence[StoryReport]) -> str:
    """A SARIF log with one run; a rule for each verdict."""
    verdicts = [v for v in Verdict if v is not Verdict.AS_EXPECTED]
    driver = {
        "name": "npol",
        "version": __version__,
        "rules": [
            *({"id": _rule(v), "shortDescription": {"text": v.value}} for v in verdicts),
            {"id": TROUBLE, "shortDescription": {"text": "the run itself went wrong"}},
        ],
    }
    results = [_result(group) for _, group in _groups(reports)]
    results += [_troubled(one) for report in reports for one in troubles(report)]
    log = {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=1) + "\n"


def _groups(reports: Sequence[StoryReport]) -> Iterator[tuple[StoryReport, FailureGroup]]:
    for report in reports:
        for group in failure_groups(failures(report)):
            yield report, group


def _issue(report: StoryReport, group: FailureGroup) -> dict[str, Any]:
    at = group.at or group.first.at
    who = f"{report.path}\n{at}\n{group.first.step}\n{group.first.name}"
    doubt = tone_of(group.first) is Tone.UNKNOWN
    return {
        "description": _words(group),
        "check_name": _rule(group.first.verdict),
        "fingerprint": hashlib.sha256(who.encode()).hexdigest(),
        "severity": "minor" if doubt else "critical",
        "location": {"path": safe(at.file), "lines": {"begin": at.line}},
    }


def _result(group: FailureGroup) -> dict[str, Any]:
    doubt = tone_of(group.first) is Tone.UNKNOWN
    return {
        "ruleId": _rule(group.first.verdict),
        "level": "warning" if doubt else "error",
        "message": {"text": _words(group)},
        "locations": [{"physicalLocation": _physical(group.at or group.first.at)}],
        "relatedLocations": [
            {"id": number, "physicalLocation": _physical(r.at), "message": {"text": safe(r.name)}}
            for number, r in enumerate(group.results, 1)
        ],
    }


def _trouble(report: StoryReport, one: Trouble) -> dict[str, Any]:
    who = f"{report.path}\n{one.about}"
    return {
        "description": one.words,
        "check_name": TROUBLE,
        "fingerprint": hashlib.sha256(who.encode()).hexdigest(),
        "severity": "critical",
        "location": {"path": safe(one.at.file), "lines": {"begin": one.at.line}},
    }


def _troubled(one: Trouble) -> dict[str, Any]:
    return {
        "ruleId": TROUBLE,
        "level": "error",
        "message": {"text": one.words},
        "locations": [{"physicalLocation": _physical(one.at)}],
    }


def _physical(at: Position) -> dict[str, Any]:
    region = {"startLine": at.line, "startColumn": at.column}
    return {"artifactLocation": {"uri": quote(safe(at.file))}, "region": region}


def _words(group: FailureGroup) -> str:
    """`TOO CLOSED: 8 flows, one cause. data/allow does not fit ...`."""
    cause = safe(fact_words(group.guilty.what)) if group.guilty else summary_of(group.first)
    return f"{heading(group)}. {cause}"


def _rule(verdict: Verdict) -> str:
    return f"npol/{verdict.value.replace(' ', '-')}"
