"""Findings for code scanning (SARIF 2.1.0) and for GitHub's annotations. Pure text and data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from npol.policy.lint.findings import LintFinding, LintRule, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_MEANING = {
    Severity.ERROR: "It does not do what it says, or is refused.",
    Severity.WARNING: "It probably does not do what was meant.",
    Severity.NOTE: "Worth knowing.",
}
_ANSWER = "A comment at its line answers it: # npol: ignore {} and why."


def sarif(findings: Iterable[LintFinding], *, version: str) -> dict[str, Any]:
    """A SARIF log with one run; `version` is npol's own."""
    found = list(findings)
    used = sorted({f.rule for f in found}, key=lambda rule: rule.id)
    driver = {"name": "npol", "version": version, "rules": [_rule(rule) for rule in used]}
    results = [_result(f, used) for f in found]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(rule: LintRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.label,
        "shortDescription": {"text": rule.title},
        "help": {
            "text": f"{rule.title}. {_MEANING[rule.severity]} An example, and the same put right: "
            f"docs/lint.md, {rule.id} {rule.label}. {_ANSWER.format(rule.id)}"
        },
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: LintFinding, used: Sequence[LintRule]) -> dict[str, Any]:
    fix = f"\nFix: {finding.fix}" if finding.fix else ""
    return {
        "ruleId": finding.id,
        "ruleIndex": used.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": finding.message + fix},
        "locations": [_location(finding)],
    }


def _location(finding: LintFinding) -> dict[str, Any]:
    name = f"{finding.subject} {finding.path}".strip()
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name}]}
    if finding.at:
        region = {"startLine": finding.at.line, "startColumn": finding.at.column}
        artifact = {"uri": quote(finding.at.file.replace("\\", "/"))}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": region}
    return location


def github_annotations(findings: Iterable[LintFinding]) -> list[str]:
    """Workflow commands that put each finding beside its line in a pull request."""
    return [_annotation(f) for f in findings]


def _annotation(finding: LintFinding) -> str:
    place = ""
    if finding.at:
        file = _escape(finding.at.file, also=":,")
        place = f"file={file},line={finding.at.line},col={finding.at.column},"
    fix = f" - {finding.fix}" if finding.fix else ""
    text = _escape(f"{finding.message}{fix}")
    return f"::{_COMMANDS[finding.severity]} {place}title={finding.id}::{text}"


def _escape(text: str, also: str = "") -> str:
    """As actions/toolkit does it: packages/core/src/command.ts."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for char in also:
        text = text.replace(char, f"%{ord(char):02X}")
    return text
