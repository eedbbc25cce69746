"""The map of a step as SVG: inside a page, or as a picture of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from npol.model.result import FlowResult, StoryReport
from npol.report.escape import markup
from npol.report.graph import COLOURS
from npol.report.grid import StoryGrids
from npol.report.map_layout import NODE_HEIGHT, NODE_WIDTH, Box, Link, StepMap, step_map

Href = Callable[[FlowResult], str]
STYLE = "\n".join(
    [
        "svg { font: 12px system-ui, sans-serif; background: #ffffff; }",
        ".box { fill: #f6f8fa; stroke: #d1d9e0; } .node { fill: #ffffff; stroke: #8c959f; }",
        ".paper { fill: #ffffff; } .paper.wrong, .paper.unknown { stroke-width: 2; }",
        "text { fill: #1f2328; } .ns { fill: #59636e; } path { fill: none; stroke-width: 2; }",
        ".shut { stroke-dasharray: 6 4; } .bad { stroke-width: 4; }",
        ".dense .bad { stroke-width: 2.5; }",
        *(f".{tone.value} {{ stroke: {colour}; }}" for tone, colour in COLOURS.items()),
    ]
)


def to_svg(report: StoryReport) -> str:
    """All steps of a run that ask a port, below each other."""
    grids, parts, y, width = StoryGrids(), [], 0.0, 0.0
    for step in report.steps:
        table = grids.grid(step.flows)
        if not (found := step_map(step.flows, table.changed if table else ())):
            continue
        title = f'<text x="0" y="16" font-weight="600">{markup(step.name)}</text>'
        body = "\n".join(map_lines(found))
        parts.append(
            f'<g class="{_density(found)}" transform="translate(10,{y + 10:g})">{title}'
            f'<g transform="translate(0,26)">{body}</g></g>'
        )
        y += found.height + 50
        width = max(width, found.width + 20)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{y:g}">'
    story = f"<title>{markup(report.story)}</title>"
    return "\n".join([head, story, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def inline_map(found: StepMap, name: str, href: Href) -> str:
    """For a page, whose style it uses; each edge leads to the evidence of its first flow."""
    size = f'viewBox="0 0 {found.width:g} {found.height:g}" width="{found.width:g}"'
    head = f'<svg class="map {_density(found)}" role="group" aria-label="{markup(name)}" {size}>'
    return "\n".join([head, *map_lines(found, href), "</svg>"])


def _density(found: StepMap) -> str:
    return "dense" if found.dense else "sparse"


def map_lines(found: StepMap, href: Href | None = None) -> Iterator[str]:
    """Boxes, then all edges, then all labels: no line runs through a label, nor over a bad edge."""
    for box in found.boxes:
        yield from _box(box)
    quiet_first = sorted(found.links, key=lambda link: link.bad)
    yield from (_edge(link, href) for link in quiet_first)
    yield from (_label(link, href) for link in quiet_first)


def _box(box: Box) -> Iterator[str]:
    wide = NODE_WIDTH + 20
    place = f'x="{box.x:g}" y="{box.y:g}" width="{wide}" height="{box.height:g}"'
    name = markup(box.namespace) or "outside, or unknown"
    yield f'<rect class="box" {place} rx="6"/>'
    yield f'<text class="ns" x="{box.x + 10:g}" y="{box.y + 15:g}">{name}</text>'
    for node in box.nodes:
        place = f'x="{node.x:g}" y="{node.y:g}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}"'
        label = node.name if len(node.name) <= 26 else f"{node.name[:23]}..."
        yield f'<rect class="node" {place} rx="4"/>'
        yield f'<text x="{node.x + 8:g}" y="{node.y + 17:g}">{markup(label)}</text>'


def _edge(link: Link, href: Href | None) -> str:
    bad = " bad" if link.bad else ""
    shut = " shut" if link.closed else ""
    x2, y2 = link.end
    tip = (
        f"M{x2 - 7:g},{y2 - 6:g} l6,12 M{x2 - 1:g},{y2 - 6:g} l-6,12"
        if link.closed
        else f"M{x2 - 9:g},{y2 - 5:g} L{x2:g},{y2:g} L{x2 - 9:g},{y2 + 5:g}"
    )
    tone = link.tone.value
    drawn = (
        f'<path class="edge {tone}{shut}{bad}" d="{link.path}"/>'
        f'<path class="edge {tone}{bad}" d="{tip}"/>'
    )
    words = f"{link.flows[0].source} to {link.flows[0].target}: {_word(link)}"
    if href is None:
        return f"<g><title>{markup(words)}</title>{drawn}</g>"
    return f'<a href="{href(link.flows[0])}" aria-label="{markup(words)}">{drawn}</a>'


def _label(link: Link, href: Href | None) -> str:
    """The ports, on paper of their own; who sees leads to the same place as the edge."""
    box = link.box
    place = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    middle = f'x="{box.x + box.width / 2:g}" y="{box.y + 12:g}"'
    drawn = (
        f'<rect class="paper {link.tone.value}" {place} rx="4"/>'
        f'<text class="port" {middle} text-anchor="middle">{markup(link.label)}</text>'
    )
    if href is None:
        return drawn
    return f'<a href="{href(link.flows[0])}" tabindex="-1" aria-hidden="true">{drawn}</a>'


def _word(link: Link) -> str:
    first = link.flows[0]
    words = f"expected {first.expected}, seen {first.seen}" if not first.passed else str(first.seen)
    words += f", and {len(link.flows) - 1} more" if len(link.flows) > 1 else ""
    return words + (", changed by this step" if link.changed else "")
