"""What a kept report shows besides: the lines to blame, and rules that no flow exercised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.errors import InputError, Position
from npol.model.causes import Cause
from npol.model.result import FlowResult, Snippet, StoryReport
from npol.model.story import Story
from npol.policy.simulate.coverage import CoveredPart, coverage
from npol.policy.simulate.simulated_steps import scenes
from npol.story import story_bytes

AROUND = 6
"""Lines before and after the one to blame."""
MOST_SNIPPETS = 100
POLICY = "NetworkPolicy"


def detailed(report: StoryReport, story: Story) -> StoryReport:
    """The report for a file that is read when the policies may be others."""
    return replace(
        report,
        snippets=tuple(_snippets(report, story.root)),
        unexercised=tuple(_unexercised(story)),
    )


def _snippets(report: StoryReport, root: str) -> Iterator[Snippet]:
    flows = (r for r in report.results if isinstance(r, FlowResult) and not r.passed)
    places = dict.fromkeys(c.at for f in flows for c in f.causes if c.at)
    for at in list(places)[:MOST_SNIPPETS]:
        if found := snippet(at, root):
            yield found


def snippet(at: Position, root: str) -> Snippet | None:
    """
    The lines around a place in a policy; None where its file cannot be read any more.

    Other documents of the file are left out: they may be Secrets. What was rendered is called by
    no file's name, and a link of that name may lead anywhere: it does not lead out of the root.
    """
    if at.is_rendered:
        return None
    try:
        lines = story_bytes(at.file, root).decode().replace("\r\n", "\n").split("\n")
    except (InputError, UnicodeDecodeError):
        return None
    if at.line > len(lines):
        return None
    start = next((n for n in range(at.line - 1, 0, -1) if lines[n - 1].startswith("---")), 0)
    ends = (n for n in range(at.line, len(lines)) if lines[n].startswith("---"))
    end = next(ends, len(lines))
    if not any(line.startswith("kind:") and POLICY in line for line in lines[start:end]):
        return None
    first, last = max(start, at.line - 1 - AROUND), min(end, at.line + AROUND)
    while last > at.line and not lines[last - 1].strip():
        last -= 1
    return Snippet(file=at.file, first=first + 1, lines=tuple(lines[first:last]))


def _unexercised(story: Story) -> Iterator[Cause]:
    """By prediction: a rule that no flow goes through, in a policy of the story's own."""
    for item in coverage(scenes(story)).uncovered:
        if item.part is CoveredPart.RULE:
            yield item.cause
