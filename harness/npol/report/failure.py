"""
Failures of one cause, explained: the text that pytest and the command line show.

The line to blame, the flows that it fails, and of the first of them the whole evidence: between
which pods, by which address, with which controls; what the policies say; how to ask again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from npol.model.result import CheckResult, FlowResult
from npol.report.ask_again import IN_A_LAB, AskAgain, command_parts
from npol.report.causes import cause_words, fact_words, placed
from npol.report.escape import safe, short
from npol.report.failure_groups import FailureGroup
from npol.report.failure_part import MOST_LISTED, WIDTH, FailurePart, Layout, laid_out
from npol.report.flow_evidence import evidence_parts, why_part
from npol.report.flow_line import flow_line
from npol.report.seen_and_why import expected_words, seen_words
from npol.report.summary import Result


def failure_text(group: FailureGroup, again: AskAgain | None = IN_A_LAB, width: int = WIDTH) -> str:
    """
    The whole explanation, without colours.

    `again`: None where no command asks it again. `width`: columns to wrap at; commands stay whole.
    """
    lines = [f"{heading(group)}{aside(group)}"]
    for part in failure_parts(group, again):
        lines += laid_out(part, width)
    return "\n".join(lines)


def heading(group: FailureGroup) -> str:
    """`TOO OPEN: frontend loses the database`, `TOO CLOSED: 8 flows, one cause`."""
    verdicts = ", ".join(dict.fromkeys(r.verdict.value.upper() for r in group.results))
    many = len(group.results)
    return f"{verdicts}: {safe(group.first.name) if many == 1 else f'{many} flows, one cause'}"


def aside(group: FailureGroup) -> str:
    """`  (step deny all)`, where it is one step."""
    steps = list(dict.fromkeys(r.step for r in group.results))
    return f"  (step {safe(steps[0])})" if len(steps) == 1 else f"  ({len(steps)} steps)"


def failure_parts(group: FailureGroup, again: AskAgain | None = IN_A_LAB) -> list[FailurePart]:
    """The explanation in paragraphs, for pages that lay them out themselves."""
    result = group.first
    parts = [*blame_parts(group), *_flows_of(group)]
    if isinstance(result, CheckResult):
        parts.append(why_part(result))
    else:
        parts += evidence_parts(result)
    parts += command_parts(result, again) if again else []
    return [p for p in parts if p.lines]


def blame_parts(group: FailureGroup) -> list[FailurePart]:
    """The line to blame with what is wrong in it, and what would mend it."""
    cause, result = group.guilty, group.first
    if cause is None or isinstance(result, CheckResult):
        return []
    words = cause_words(cause) if len(group.results) == 1 else fact_words(cause.what)
    lines: tuple[str, ...] = (words,)
    if cause.at:
        place = f"{cause.at.file}:{cause.at.line}"
        lines = (place, words.replace(f" ({place})", ""))  # said once is enough
    return [
        FailurePart("cause", tuple(map(safe, lines)), Layout.LINES),
        FailurePart("fix", tuple(map(placed, result.fixes))),
    ]


def _flows_of(group: FailureGroup) -> list[FailurePart]:
    """The one flow with its claim, or a line for each."""
    first = group.first
    if len(group.results) > 1:
        listed = FailurePart("flows", tuple(_listed(group.results)), Layout.COLUMNS)
        return [listed, FailurePart("in full", (safe(first.name),))]
    place = f"{first.at.file}:{first.at.line}"
    flow = f"   {flow_line(first)}" if isinstance(first, FlowResult) else ""
    return [FailurePart("", (f"{safe(place)}{flow}",)), *_claim(first)]


def _listed(results: Sequence[Result]) -> Iterator[str]:
    """`31  frontend -> db:5432  allow, seen timeout`, below the name of their file."""
    shown = results[:MOST_LISTED]
    name = min(40, max(len(safe(r.name)) for r in shown))
    line = max(len(str(r.at.line)) for r in shown)
    for file, rows in itertools.groupby(shown, key=lambda r: r.at.file):
        yield safe(file)
        for r in rows:
            said = f"{expected_words(r)}, seen {safe(seen_words(r)) or 'nothing'}"
            yield f"{r.at.line:>{line}}  {short(r.name, 40):<{name}}  {said}"
    if len(results) > MOST_LISTED:
        yield f"and {len(results) - MOST_LISTED} more"


def answer_text(result: FlowResult, width: int = WIDTH) -> str:
    """One flow with its evidence, whatever its verdict: `web -> db:5432: timeout`."""
    lines = [f"{safe(result.name)}: {safe(seen_words(result)) or 'no answer'}"]
    group = FailureGroup.of(result)
    parts = [] if result.passed else [FailurePart("verdict", (result.verdict.value,))]
    for part in (*parts, *blame_parts(group), *evidence_parts(result)):
        lines += laid_out(part, width) if part.lines else []
    return "\n".join(lines)


def _claim(result: FlowResult | CheckResult) -> list[FailurePart]:
    return [
        FailurePart("expected", (safe(expected_words(result)),)),
        FailurePart("seen", (safe(seen_words(result)) or "nothing",)),
    ]
