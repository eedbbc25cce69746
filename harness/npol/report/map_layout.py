"""
The flows of a step as a map: where peers stand, in boxes of their namespaces, and their edges.

Sources stand on the left, targets on the right. Numbers are SVG's: pixels, from the top left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.graph import edges_of
from npol.report.symbols import Tone

NODE_WIDTH, NODE_HEIGHT, NODE_GAP = 190, 26, 8
BOX_PAD, BOX_TITLE, BOX_GAP = 10, 20, 14
COLUMN_GAP = 250
MOST_EDGES = 80
"""Above this many only those that are not as expected are drawn: others would hide them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A peer; `x` and `y` are its upper left corner."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A namespace; "" for what lies outside, or is not known."""

    namespace: str
    x: float
    y: float
    height: float
    nodes: tuple[MapNode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An edge from the right side of a source to the left side of a target."""

    label: str
    tone: Tone
    closed: bool
    changed: bool
    flows: tuple[FlowResult, ...]
    start: tuple[float, float]
    end: tuple[float, float]
    number: int
    """Among the edges of its source."""

    @property
    def path(self) -> str:
        """The curve, as SVG spells it."""
        (x1, y1), (x2, y2) = self.start, self.end
        bend = (x2 - x1) / 2
        return f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - bend:g},{y2:g} {x2:g},{y2:g}"

    @property
    def label_at(self) -> tuple[float, float]:
        """On the curve, farther along for each edge of the same source: labels do not meet."""
        (x1, y1), (x2, y2) = self.start, self.end
        t = 0.2 + 0.15 * (self.number % 5)
        return x1 + (x2 - x1) * t, y1 + (y2 - y1) * t * t * (3 - 2 * t)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMap:
    """`hidden`: how many edges are not drawn."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    width: float
    height: float
    hidden: int = 0


def step_map(flows: Sequence[FlowResult], changed: Iterable[str] = ()) -> StepMap | None:
    """
    The map of a step; None when there is nothing to draw.

    `changed`: the names of flows that the step has changed.
    """
    moved = frozenset(changed)
    found = edges_of(flows)
    drawn = found
    if len(found) > MOST_EDGES:
        drawn = [e for e in found if e.tone in (Tone.WRONG, Tone.UNKNOWN)][:MOST_EDGES]
    if not drawn:
        return None
    shown = [flow for edge in drawn for flow in edge.flows]
    left = _column(_known((_source(f), _source_namespace(f)) for f in shown), 0)
    right_x = NODE_WIDTH + 2 * BOX_PAD + COLUMN_GAP
    right = _column(_known((e.target, _target_namespace(e.flows)) for e in drawn), right_x)
    starts = {n.name: (n.x + NODE_WIDTH, n.y + NODE_HEIGHT / 2) for b in left for n in b.nodes}
    ends = {n.name: (n.x, n.y + NODE_HEIGHT / 2) for b in right for n in b.nodes}
    numbers: Counter[str] = Counter()
    links = []
    for edge in drawn:
        link = Link(
            label=", ".join(edge.ports),
            tone=edge.tone,
            closed=edge.closed,
            changed=any(f.name in moved for f in edge.flows),
            flows=edge.flows,
            start=starts[edge.source],
            end=ends[edge.target],
            number=numbers[edge.source],
        )
        numbers[edge.source] += 1
        links.append(link)
    boxes = (*left, *right)
    return StepMap(
        boxes=boxes,
        links=tuple(links),
        width=right_x + NODE_WIDTH + 2 * BOX_PAD,
        height=max(b.y + b.height for b in boxes),
        hidden=len(found) - len(drawn),
    )


def _source(flow: FlowResult) -> str:
    return safe(flow.source)


def _source_namespace(flow: FlowResult) -> str:
    return safe(flow.source_pod.namespace) if flow.source_pod else ""


def _target_namespace(flows: Sequence[FlowResult]) -> str:
    pods = (pod for flow in flows for pod in flow.target_pods)
    return next((safe(pod.namespace) for pod in pods), "")


def _known(places: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each peer's namespace, if any of its flows came so far that it is known."""
    found: dict[str, str] = {}
    for name, namespace in places:
        found[name] = found.get(name) or namespace
    return found


def _column(namespaces: dict[str, str], x: float) -> tuple[Box, ...]:
    """Boxes below each other, in the order in which their peers appear."""
    boxes: list[Box] = []
    y = 0.0
    for namespace in dict.fromkeys(namespaces.values()):
        names = [name for name, own in namespaces.items() if own == namespace]
        top = y + BOX_TITLE
        nodes = tuple(
            MapNode(name=name, x=x + BOX_PAD, y=top + BOX_PAD / 2 + i * (NODE_HEIGHT + NODE_GAP))
            for i, name in enumerate(names)
        )
        height = BOX_TITLE + BOX_PAD + len(names) * (NODE_HEIGHT + NODE_GAP)
        boxes.append(Box(namespace=namespace, x=x, y=y, height=height, nodes=nodes))
        y += height + BOX_GAP
    return tuple(boxes)
