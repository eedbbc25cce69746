"""
The flows of a step as a map: where peers stand, in boxes of their namespaces, and their edges.

Sources stand on the left, targets on the right. Numbers are SVG's: pixels, from the top left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from npol.model.result import FlowResult
from npol.report.escape import safe
from npol.report.graph import Edge, edges_of
from npol.report.map_labels import LabelBox, Point, place_label, short_label
from npol.report.symbols import Tone

NODE_WIDTH, NODE_HEIGHT, NODE_GAP = 190, 26, 8
BOX_PAD, BOX_TITLE, BOX_GAP = 10, 20, 14
COLUMN_GAPS = (250, 350, 490, 690)
"""Pixels between the columns: the narrowest at which no label lies on another."""
LETTERS = (14, 0)
"""Of a label's ports: where even the widest gap holds too few, one port and a count must do."""
MANY = 24
"""Above this many edges lines are thin and the columns stand apart, so that fewer lines cross."""
PARALLEL = 8
"""Pixels between edges of the same two peers."""
MOST_EDGES = 80
"""Above this many only those that are not as expected are drawn: others would hide them."""
LOUD = (Tone.WRONG, Tone.UNKNOWN)


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
    start: Point
    end: Point
    box: LabelBox

    @property
    def bad(self) -> bool:
        """Whether it is not as expected."""
        return self.tone in LOUD

    @property
    def path(self) -> str:
        """The curve, as SVG spells it."""
        (x1, y1), (x2, y2) = self.start, self.end
        bend = (x2 - x1) / 2
        return f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - bend:g},{y2:g} {x2:g},{y2:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMap:
    """`hidden`: how many edges are not drawn."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    width: float
    height: float
    hidden: int = 0

    @property
    def dense(self) -> bool:
        return len(self.links) > MANY


def step_map(flows: Sequence[FlowResult], changed: Iterable[str] = ()) -> StepMap | None:
    """
    The map of a step; None when there is nothing to draw.

    `changed`: the names of flows that the step has changed.
    """
    found = edges_of(flows)
    drawn = found
    if len(found) > MOST_EDGES:
        drawn = [e for e in found if e.tone in LOUD][:MOST_EDGES]
    if not drawn:
        return None
    moved = frozenset(changed)
    gaps = COLUMN_GAPS[2 if len(drawn) > MANY else 0 :]
    for letters, gap in product(LETTERS, gaps):
        boxes, links, free = _laid_out(drawn, moved, gap, letters)
        if free:
            break
    return StepMap(
        boxes=boxes,
        links=links,
        width=2 * (NODE_WIDTH + 2 * BOX_PAD) + gap,
        height=max(b.y + b.height for b in boxes),
        hidden=len(found) - len(drawn),
    )


def _laid_out(
    drawn: Sequence[Edge], moved: frozenset[str], gap: float, letters: int
) -> tuple[tuple[Box, ...], tuple[Link, ...], bool]:
    """Boxes, edges, and whether each label has a place of its own."""
    shown = [flow for edge in drawn for flow in edge.flows]
    left = _column(_known((_source(f), _source_namespace(f)) for f in shown), 0)
    right_x = NODE_WIDTH + 2 * BOX_PAD + gap
    right = _column(_known((e.target, _target_namespace(e.flows)) for e in drawn), right_x)
    starts = {n.name: (n.x + NODE_WIDTH, n.y + NODE_HEIGHT / 2) for b in left for n in b.nodes}
    ends = {n.name: (n.x, n.y + NODE_HEIGHT / 2) for b in right for n in b.nodes}
    alike = Counter((e.source, e.target) for e in drawn)
    numbers: Counter[tuple[str, str]] = Counter()
    links: list[Link] = []
    free = True
    for edge in sorted(drawn, key=lambda e: e.tone not in LOUD):
        pair = edge.source, edge.target
        aside = PARALLEL * (numbers[pair] - (alike[pair] - 1) / 2)
        numbers[pair] += 1
        changed = any(f.name in moved for f in edge.flows)
        signs = f"{' *' if changed else ''}{' !' if edge.tone in LOUD else ''}"
        label = short_label(edge.ports, letters) + signs
        start, end = _lower(starts[edge.source], aside), _lower(ends[edge.target], aside)
        box, own = place_label(label, start, end, (link.box for link in links))
        free = free and own
        links.append(
            Link(
                label=label,
                tone=edge.tone,
                closed=edge.closed,
                changed=changed,
                flows=edge.flows,
                start=start,
                end=end,
                box=box,
            )
        )
    return (*left, *right), tuple(links), free


def _lower(point: Point, pixels: float) -> Point:
    return point[0], point[1] + pixels


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
