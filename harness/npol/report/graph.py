"""The flows of a step as a drawing: Mermaid and DOT text, and the table as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npol.model.result import FlowResult
from npol.report.escape import markup, safe
from npol.report.failure import is_lookup, target
from npol.report.grid import Grid
from npol.report.symbols import Tone, tone_of

MOST_MERMAID = 4_500
"""Characters that GitHub and GitLab still draw."""

COLOURS = {
    Tone.OPEN: "#1a7f37",
    Tone.CLOSED: "#57606a",
    Tone.WRONG: "#cf222e",
    Tone.UNKNOWN: "#9a6700",
    Tone.SKIPPED: "#afb8c1",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """From a source to a target over some ports; `closed` if nothing came through."""

    source: str
    target: str
    ports: tuple[str, ...]
    tone: Tone
    closed: bool


def edges(flows: Sequence[FlowResult]) -> list[Edge]:
    """The flows that reach for a port, with ports of the same result in one edge."""
    ports: dict[tuple[str, str, Tone, bool], dict[str, None]] = {}
    for flow in flows:
        if is_lookup(flow) or flow.skipped:
            continue
        peer, _, port = target(flow).rpartition(":")
        edge = safe(flow.source), peer, tone_of(flow), not flow.answered
        ports.setdefault(edge, {})[port] = None
    return [Edge(s, t, tuple(p), tone, closed) for (s, t, tone, closed), p in ports.items()]


def mermaid(found: Sequence[Edge], most: int = MOST_MERMAID) -> str:
    """A flowchart; "" if there is nothing to draw or it would be too large to be drawn."""
    numbers = _numbers(found)
    lines = ["flowchart LR", *(f'  n{i}["{_quoted(name)}"]' for name, i in numbers.items())]
    for index, edge in enumerate(found):
        line = "-.-x" if edge.closed else "-->"
        label = _quoted(", ".join(edge.ports))
        lines.append(f'  n{numbers[edge.source]} {line}|"{label}"| n{numbers[edge.target]}')
        if edge.tone in (Tone.WRONG, Tone.UNKNOWN):
            lines.append(f"  linkStyle {index} stroke:{COLOURS[edge.tone]},stroke-width:3px")
    text = "\n".join(lines)
    return text if found and len(text) <= most else ""


def dot(found: Sequence[Edge]) -> str:
    """A digraph for Graphviz."""
    numbers = _numbers(found)
    lines = ["digraph flows {", "  rankdir=LR; node [shape=box, fontname=sans];"]
    lines += [f"  n{i} [label={_dot_text(name)}];" for name, i in numbers.items()]
    for edge in found:
        style = ", style=dashed, arrowhead=tee" if edge.closed else ""
        label = _dot_text(", ".join(edge.ports))
        lines.append(
            f"  n{numbers[edge.source]} -> n{numbers[edge.target]}"
            f' [label={label}, color="{COLOURS[edge.tone]}"{style}];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def _numbers(found: Sequence[Edge]) -> dict[str, int]:
    names = dict.fromkeys(n for e in found for n in (e.source, e.target))
    return {name: i for i, name in enumerate(names)}


def _quoted(text: str) -> str:
    """Mermaid reads entities inside quotation marks, and nothing else."""
    return "".join(c if c.isalnum() or c in " -_./:," else f"#{ord(c)};" for c in text)


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def svg(table: Grid) -> str:
    """The table as a picture: one square a flow, its mark inside, readable without colours."""
    side, row_height = 7, 26
    first = max(len(s) for s in table.sources) * side + 24
    widths = [
        max(len(t), *(len(row[i].mark) for row in table.cells)) * side + 20
        for i, t in enumerate(table.targets)
    ]
    starts = [first + sum(widths[:i]) for i in range(len(widths))]
    size = (first + sum(widths) + 12, row_height * (len(table.sources) + 1) + 12)
    parts = [_head(*size)]
    for x, width, name in zip(starts, widths, table.targets, strict=True):
        parts.append(_text(x + width / 2, 20, name, "middle", "#57606a"))
    for number, (source, row) in enumerate(zip(table.sources, table.cells, strict=True), start=1):
        y = row_height * number
        parts.append(_text(first - 12, y + 20, source, "end", "#57606a"))
        for x, width, cell in zip(starts, widths, row, strict=True):
            if cell.results:
                colour = COLOURS[cell.tone]
                parts.append(
                    f'<rect x="{x + 2}" y="{y + 4}" width="{width - 4}" height="{row_height - 4}"'
                    f' rx="4" fill="{colour}"/>'
                )
                parts.append(_text(x + width / 2, y + 20, cell.mark, "middle", "#ffffff"))
    return "".join([*parts, "</svg>\n"])


def _head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="monospace" font-size="12">'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{markup(text)}</text>'
