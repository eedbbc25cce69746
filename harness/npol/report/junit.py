"""
A run as JUnit XML, which nearly every CI server reads.

A suite for each story, a case for each flow and check with the time that it took itself, and one
for the restore. What could not be judged is an error, everything else that is wrong a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from npol.model.gap import WatchedFlow
from npol.model.result import FlowResult, StepResult, StoryReport
from npol.report.ask_again import AskAgain
from npol.report.claims import summary_of
from npol.report.escape import paragraph, safe
from npol.report.failure import failure_text
from npol.report.failure_groups import FailureGroup
from npol.report.pairs import pairs_words
from npol.report.reasons import reason_words
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.summary import Result, restore_line
from npol.report.symbols import Tone, tone_of
from npol.report.watch_text import gap_words, gaps_in_words


def to_junit(reports: Sequence[StoryReport]) -> str:
    """All runs of a job."""
    root = Xml.Element("testsuites", name="npol")
    for report in reports:
        _suite(root, report)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(root: Xml.Element, report: StoryReport) -> None:
    suite = Xml.SubElement(root, "testsuite", name=safe(report.story))
    suite.set("timestamp", safe(report.started))
    for step in report.steps:
        if step.error:
            _trouble(suite, report, step.name, step.error)
        for result in step.results:
            _case(suite, report, step, result)
    if report.watch:
        for flow in report.watch.flows:
            _watched(suite, report, flow, report.watch.seconds)
    if report.restore:
        words = "" if report.restore.proven else restore_line(report.restore)
        _trouble(suite, report, "restore", words, seconds=report.restore.seconds)
    if report.error:
        _trouble(suite, report, "run", report.error)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", f"{report.seconds:.3f}")


def _case(suite: Xml.Element, report: StoryReport, step: StepResult, result: Result) -> None:
    seconds = result.settled_after if isinstance(result, FlowResult) else 0.0
    case = _testcase(suite, report, step.name, result.name, seconds)
    case.set("file", safe(result.at.file))
    case.set("line", str(result.at.line))
    properties = Xml.SubElement(case, "properties")
    facts = (
        ("expected", expected_words(result)),
        ("seen", seen_words(result)),
        ("verdict", result.verdict.value),
        ("pairs", pairs_words(result) if isinstance(result, FlowResult) else ""),
    )
    for name, value in facts if facts[-1][1] else facts[:-1]:
        Xml.SubElement(properties, "property", name=name, value=safe(value))
    if result.skipped:
        Xml.SubElement(case, "skipped", message=safe(reason_words(result.skipped)))
    elif not result.passed:
        tag = "error" if tone_of(result) is Tone.UNKNOWN else "failure"
        found = Xml.SubElement(case, tag, type=result.verdict.value, message=summary_of(result))
        found.text = paragraph(failure_text(FailureGroup.of(result), AskAgain.of(report)))


def _watched(suite: Xml.Element, report: StoryReport, flow: WatchedFlow, seconds: float) -> None:
    """A flow that was asked again and again: its gaps, where they are more than it may have."""
    case = _testcase(suite, report, "(watch)", flow.name, seconds)
    case.set("file", safe(flow.at.file))
    case.set("line", str(flow.at.line))
    if flow.over_budget or flow.unseen:
        tag = "failure" if flow.over_budget else "error"
        found = Xml.SubElement(case, tag, type="gap", message=gaps_in_words(flow))
        found.text = "\n".join(map(gap_words, flow.gaps))


def _trouble(
    suite: Xml.Element, report: StoryReport, name: str, words: str, seconds: float = 0.0
) -> None:
    """What is no flow: a step that could not be set up, the restore, the run as a whole."""
    case = _testcase(suite, report, "(run)", name, seconds)
    if words:
        message = safe(words.partition("\n")[0])
        Xml.SubElement(case, "error", type="trouble", message=message).text = paragraph(words)


def _testcase(
    suite: Xml.Element, report: StoryReport, step: str, name: str, seconds: float
) -> Xml.Element:
    case = Xml.SubElement(suite, "testcase", classname=safe(f"{report.path}.{step}"))
    case.set("name", safe(name))
    case.set("time", f"{seconds:.3f}")
    return case
