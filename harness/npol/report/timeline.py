"""When things happened, as SVG: each step of a run, and in each step when flows turned."""

from __future__ import annotations

from npol.model.gap import Gap, GapKind, WatchedFlow, WatchResult
from npol.model.result import FlowResult, StepResult, StoryReport
from npol.report.durations import span
from npol.report.escape import markup
from npol.report.symbols import tone_of
from npol.report.watch_text import gap_words

WIDTH, LANE = 900, 24
LEFT = 180
MOST_DOTS = 400


def run_axis(report: StoryReport) -> str:
    """A lane for each step, from when it began to when it was judged."""
    steps = [s for s in report.steps if not s.skipped]
    total = max([report.seconds, *(s.began + s.seconds for s in steps), 0.1])
    scale = (WIDTH - LEFT - 60) / total
    lines = []
    for number, step in enumerate(steps):
        y = number * LANE
        x, wide = LEFT + step.began * scale, max(step.seconds * scale, 2)
        bad = "wrong" if step.error or not all(r.passed for r in step.results) else "open"
        lines.append(f'<text x="0" y="{y + 15}">{markup(_label(step.name))}</text>')
        lines.append(
            f'<rect class="bar {bad}" x="{x:.1f}" y="{y + 4}" width="{wide:.1f}" height="14"/>'
        )
        lines.append(
            f'<text class="ns" x="{x + wide + 4:.1f}" y="{y + 15}">{span(step.seconds)}</text>'
        )
    return _svg("\n".join(lines), len(steps) * LANE, "when each step ran")


def watch_strip(watch: WatchResult) -> str:
    """A lane for each watched flow that was otherwise, and its gaps on it; "" without any."""
    flows = [flow for flow in watch.flows if flow.gaps]
    scale = (WIDTH - LEFT - 60) / max(watch.seconds, 0.1)
    lines = []
    for number, flow in enumerate(flows):
        y = number * LANE
        lines.append(f'<text x="0" y="{y + 15}">{markup(_label(flow.name))}</text>')
        lines.append(
            f'<rect class="bar open" x="{LEFT}" y="{y + 8}" '
            f'width="{WIDTH - LEFT - 60}" height="6"/>'
        )
        lines += [_gap(flow, gap, y, scale) for gap in flow.gaps]
    return _svg("\n".join(lines), len(flows) * LANE, "gaps of the watched flows") if flows else ""


def _gap(flow: WatchedFlow, gap: Gap, y: int, scale: float) -> str:
    x, wide = LEFT + gap.began * scale, max(gap.seconds * scale, 2)
    kind = "unknown" if gap.kind is GapKind.NOT_SEEN else "wrong"
    return (
        f'<rect class="bar {kind}" x="{x:.1f}" y="{y + 4}" width="{wide:.1f}" height="14">'
        f"<title>{markup(flow.name)}: {gap_words(gap)}</title></rect>"
    )


def _label(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:23]}..."


def step_axis(step: StepResult) -> str:
    """When each flow did what it was to do: a dot a flow, a line for each budget. "" without."""
    turned = [f for f in step.flows if f.enforced_after]
    if not turned:
        return ""
    budgets = sorted({f.budget for f in step.flows if f.budget})
    total = max([f.enforced_after or 0 for f in turned] + budgets) * 1.05
    scale = (WIDTH - LEFT - 60) / total
    lines = [
        '<text x="0" y="20">flows turned</text>',
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 60}" y1="24" y2="24"/>',
        f'<text class="ns" x="{LEFT}" y="42">the change</text>',
        f'<text class="ns" x="{WIDTH - 60}" y="42" text-anchor="end">{span(total)}</text>',
    ]
    for budget in budgets:
        x = LEFT + budget * scale
        lines.append(f'<line class="budget" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="30"/>')
        lines.append(f'<text class="ns" x="{x:.1f}" y="42">budget {span(budget)}</text>')
    lines += [_dot(f, scale) for f in turned[:MOST_DOTS]]
    return _svg("\n".join(lines), 46, "when flows turned")


def _dot(flow: FlowResult, scale: float) -> str:
    x = LEFT + (flow.enforced_after or 0) * scale
    recorded = "; recorded by the data plane" if flow.proof else ""
    words = markup(f"{flow.name}: {span(flow.enforced_after or 0)}{recorded}")
    shape = (
        f'<rect class="dot {tone_of(flow).value}" x="{x - 5:.1f}" y="14" width="10" height="10">'
        if flow.proof
        else f'<circle class="dot {tone_of(flow).value}" cx="{x:.1f}" cy="19" r="5">'
    )
    return f"{shape}<title>{words}</title></{'rect' if flow.proof else 'circle'}>"


def _svg(body: str, height: int, name: str) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
    return f'<svg class="time" role="img" aria-label="{markup(name)}" {size}>\n{body}\n</svg>'
