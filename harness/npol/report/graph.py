"""The flows of a step as a drawing, in Mermaid and in Graphviz' language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npol.model.result import FlowResult, StoryReport
from npol.report.escape import safe
from npol.report.flow_line import is_lookup, target
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
    flows: tuple[FlowResult, ...] = ()


def edges_of(flows: Sequence[FlowResult]) -> list[Edge]:
    """The flows that reach for a port, with ports of the same result in one edge."""
    found: dict[tuple[str, str, Tone, bool], list[tuple[str, FlowResult]]] = {}
    for flow in flows:
        if is_lookup(flow) or flow.skipped:
            continue
        peer, _, port = target(flow).rpartition(":")
        closed = not flow.answered or flow.cut_behind_proxy
        edge = safe(flow.source), peer, tone_of(flow), closed
        found.setdefault(edge, []).append((port, flow))
    return [
        Edge(
            s,
            t,
            tuple(dict.fromkeys(p for p, _ in asked)),
            tone,
            closed,
            tuple(f for _, f in asked),
        )
        for (s, t, tone, closed), asked in found.items()
    ]


def to_mermaid(report: StoryReport) -> str:
    """A flowchart with a box for each step that asks a port."""
    lines = ["flowchart LR"]
    number = drawn = 0
    for step in report.steps:
        if not (found := edges_of(step.flows)):
            continue
        numbers = {name: number + i for name, i in _numbers(found).items()}
        lines.append(f'  subgraph s{number}["{_quoted(safe(step.name))}"]')
        lines += _mermaid_lines(found, numbers, drawn)
        lines.append("  end")
        number, drawn = number + len(numbers), drawn + len(found)
    return "\n".join(lines) + "\n"


def mermaid(found: Sequence[Edge]) -> str:
    """A flowchart; "" if there is nothing to draw or it would be too large to be drawn."""
    text = "\n".join(["flowchart LR", *_mermaid_lines(found, _numbers(found), 0)])
    return text if found and len(text) <= MOST_MERMAID else ""


def _mermaid_lines(found: Sequence[Edge], numbers: dict[str, int], drawn: int) -> list[str]:
    """`drawn`: how many links stand before these."""
    lines = [f'  n{i}["{_quoted(name)}"]' for name, i in numbers.items()]
    for index, edge in enumerate(found, drawn):
        line = "-.-x" if edge.closed else "-->"
        label = _quoted(", ".join(edge.ports))
        lines.append(f'  n{numbers[edge.source]} {line}|"{label}"| n{numbers[edge.target]}')
        if edge.tone in (Tone.WRONG, Tone.UNKNOWN):
            lines.append(f"  linkStyle {index} stroke:{COLOURS[edge.tone]},stroke-width:3px")
    return lines


def _numbers(found: Sequence[Edge]) -> dict[str, int]:
    names = dict.fromkeys(n for e in found for n in (e.source, e.target))
    return {name: i for i, name in enumerate(names)}


def _quoted(text: str) -> str:
    """Mermaid reads entities inside quotation marks, and nothing else."""
    return "".join(c if c.isalnum() or c in " -_./:," else f"#{ord(c)};" for c in text)


def to_dot(report: StoryReport) -> str:
    """A digraph with a cluster for each step, for `dot -Tsvg`."""
    lines = ["digraph npol {", "  rankdir=LR; node [shape=box];"]
    for number, step in enumerate(report.steps):
        found = edges_of(step.flows)
        lines.append(f"  subgraph cluster_{number} {{ label={_dot(safe(step.name))};")
        names = _numbers(found)
        lines += [f"    n{number}_{i} [label={_dot(name)}];" for name, i in names.items()]
        for edge in found:
            ends = f"n{number}_{names[edge.source]} -> n{number}_{names[edge.target]}"
            style = "dashed, arrowhead=tee" if edge.closed else "solid"
            label = _dot(", ".join(edge.ports))
            lines.append(
                f'    {ends} [label={label}, color="{COLOURS[edge.tone]}", style={style}];'
            )
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
