"""The flows of a step as a drawing, in Mermaid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.failure import is_lookup, target
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


def _numbers(found: Sequence[Edge]) -> dict[str, int]:
    names = dict.fromkeys(n for e in found for n in (e.source, e.target))
    return {name: i for i, name in enumerate(names)}


def _quoted(text: str) -> str:
    """Mermaid reads entities inside quotation marks, and nothing else."""
    return "".join(c if c.isalnum() or c in " -_./:," else f"#{ord(c)};" for c in text)
