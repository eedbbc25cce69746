"""What a story's page shows, worked out before it is laid out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from npol.model.result import FlowResult, Snippet, StepResult, StoryReport
from npol.report.ask_again import AskAgain
from npol.report.compare import RunDifference, differences
from npol.report.durations import span
from npol.report.escape import safe, short
from npol.report.failure import failure_parts
from npol.report.failure_groups import FailureGroup, failure_groups
from npol.report.failure_part import FailurePart
from npol.report.flow_evidence import seen
from npol.report.fresh_words import start_words
from npol.report.graph import edges_of
from npol.report.grid import Grid, StoryGrids
from npol.report.map_layout import step_map
from npol.report.map_svg import inline_map
from npol.report.summary import Result, failures
from npol.report.symbols import Tone, tone_of
from npol.report.timeline import run_axis, step_axis, watch_strip

MOST_WITH_EVIDENCE = 2_000
"""Results up to which those that are as expected show their answers, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseView:
    """One cause of failures, and the lines around the one to blame."""

    id: str
    group: FailureGroup
    snippet: Snippet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """
    One step; `map` and `axis` are SVG, "" where there is nothing to draw.

    `hidden`: how many edges are not on the map.
    """

    id: str
    step: StepResult
    table: Grid | None
    map: Markup
    hidden: int
    axis: Markup

    @property
    def bad(self) -> bool:
        return bool(self.step.error) or bool(self.wrong)

    @property
    def wrong(self) -> list[Result]:
        return [r for r in self.step.results if not r.passed]

    @property
    def fine(self) -> list[Result]:
        return [r for r in self.step.results if r.passed]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPage:
    """One story's run. Every result has an anchor."""

    id: str
    report: StoryReport
    causes: tuple[CauseView, ...]
    steps: tuple[StepView, ...]
    axis: Markup
    strip: Markup
    """The gaps of watched flows."""
    anchors: Mapping[tuple[str, str], str]
    against: StoryReport | None = None
    differences: tuple[RunDifference, ...] | None = None

    def anchor(self, result: Result) -> str:
        return self.anchors[_key(result)]

    def parts(self, result: Result) -> list[FailurePart]:
        """The whole evidence of one failure."""
        return failure_parts(FailureGroup.of(result), AskAgain.of(self.report))

    def brief(self, result: Result) -> str:
        """The answers behind a result that is as expected; "" in reports of thousands."""
        if not isinstance(result, FlowResult) or len(self.anchors) > MOST_WITH_EVIDENCE:
            return ""
        told = (f"{safe(e.subject)} {seen(e.answer)}" for e in result.evidence[:6])
        turned = f"enforced after {span(result.enforced_after)}" if result.enforced_after else ""
        of_pair = f"of {safe(str(result.pairs.shown))}" if result.pairs else ""
        fresh = start_words(result.fresh) if result.fresh else ""
        return "; ".join(part for part in (of_pair, *told, turned, fresh) if part)

    @property
    def held(self) -> int:
        return sum(r.passed and not r.skipped for r in self.report.results)

    @property
    def failed(self) -> int:
        return sum(not r.passed for r in self.report.results) - self.unknown

    @property
    def unknown(self) -> int:
        return sum(tone_of(r) is Tone.UNKNOWN for r in self.report.results)


def _key(result: Result) -> tuple[str, str]:
    return result.step, result.name


def story_page(report: StoryReport, number: int, against: StoryReport | None = None) -> StoryPage:
    """`number`: of the story on its page."""
    own = f"story-{number}"
    anchors = {
        _key(r): f"{own}-{s}-{n}"
        for s, step in enumerate(report.steps, 1)
        for n, r in enumerate(step.results, 1)
    }
    return StoryPage(
        id=own,
        report=report,
        causes=tuple(_causes(report, own)),
        steps=tuple(_steps(report, own, anchors)),
        axis=Markup(run_axis(report)),
        strip=Markup(watch_strip(report.watch) if report.watch else ""),
        anchors=anchors,
        against=against,
        differences=tuple(differences(report, against)) if against else None,
    )


def _causes(report: StoryReport, own: str) -> Iterator[CauseView]:
    for number, group in enumerate(failure_groups(failures(report)), 1):
        near = [s for s in report.snippets if group.at and s.shows(group.at)]
        snippet = near[0] if near else None
        yield CauseView(id=f"{own}-cause-{number}", group=group, snippet=snippet)


def _steps(
    report: StoryReport, own: str, anchors: Mapping[tuple[str, str], str]
) -> Iterator[StepView]:
    grids = StoryGrids()
    for number, step in enumerate(report.steps, 1):
        table = grids.grid(step.flows)
        drawn = step_map(step.flows, table.changed if table else ())
        svg = ""
        if drawn:
            title = f"map of {short(step.name, 60)}"
            svg = inline_map(drawn, title, lambda flow: f"#{anchors[_key(flow)]}")
        yield StepView(
            id=f"{own}-{number}",
            step=step,
            table=table,
            map=Markup(svg),
            hidden=drawn.hidden if drawn else len(edges_of(step.flows)),
            axis=Markup(step_axis(step)),
        )
