"""
Findings that the author of a file has answered: `# npol: ignore NP021 why`, at the end of the line
that the finding names, or alone on the line above it. Without a reason the finding stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from npol.policy.lint.findings import LintFinding
from npol.yaml_positions import Document

_IGNORE = re.compile(r"ignore\s+(?P<ids>NP\d{3}(?:\s*,\s*NP\d{3})*)\s+(?P<reason>\S.*)")


def unanswered(
    findings: Iterable[LintFinding], documents: Iterable[Document]
) -> Iterator[LintFinding]:
    """The findings that no comment answers."""
    answered = {
        (document.file, line, id_)
        for document in documents
        for at, text in document.comments.items()
        for id_ in _ids(text)
        for line in (at, at + 1)
    }
    for finding in findings:
        place = (finding.at.file, finding.at.line, finding.id) if finding.at else None
        if place not in answered:
            yield finding


def _ids(comment: str) -> list[str]:
    match = _IGNORE.fullmatch(comment)
    return re.split(r"\s*,\s*", match["ids"]) if match else []
