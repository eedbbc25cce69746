"""Where the ports of a map's edges stand: on their own curves, and on no other label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from npol.report.escape import short

Point = tuple[float, float]

LETTER = 7.7
"""The widest digit of the fonts that browsers take for 12 pixels."""
HEIGHT = 16
PAD = 4
TIP = 14
"""Pixels before a target that belong to the arrow."""
_ALONG = tuple(0.35 + side * 0.02 * i for i in range(31) for side in (1, -1))
"""Places on a curve in the order of their worth: nearer to the source fewer lines cross."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBox:
    """`x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float = HEIGHT

    def meets(self, other: LabelBox) -> bool:
        """Whether they share a pixel."""
        beside = self.x >= other.x + other.width or other.x >= self.x + self.width
        return not beside and abs(self.y - other.y) < HEIGHT


def short_label(ports: Sequence[str], most: int) -> str:
    """`80, 443`, `80, 443, +3`: as many ports as `most` letters hold, and how many more."""
    shown = list(ports)
    while len(shown) > 1 and len(", ".join(shown)) > most:
        shown.pop()
    more = len(ports) - len(shown)
    return short(", ".join([*shown, *([f"+{more}"] if more else [])]), 24)


def curve_point(start: Point, end: Point, t: float) -> Point:
    """Of the cubic curve that leaves and arrives level, with both handles half way."""
    (x1, y1), (x2, y2) = start, end
    return x1 + (x2 - x1) * t * (1.5 - 1.5 * t + t * t), y1 + (y2 - y1) * t * t * (3 - 2 * t)


def place_label(
    text: str, start: Point, end: Point, placed: Iterable[LabelBox]
) -> tuple[LabelBox, bool]:
    """A box on the curve, and whether it is free of those that are `placed`."""
    width = len(text) * LETTER + 2 * PAD
    found = [box for t in _ALONG if (box := _box(start, end, t, width))]
    taken = tuple(placed)
    for box in found:
        if not any(box.meets(other) for other in taken):
            return box, True
    return found[0], False


def _box(start: Point, end: Point, t: float, width: float) -> LabelBox | None:
    """Around a point of the curve; None where it would lie on a peer or on the arrow."""
    x, y = curve_point(start, end, t)
    left = x - width / 2
    if not 0 < t < 1 or left < start[0] + PAD or left + width > end[0] - TIP:
        return None
    return LabelBox(x=left, y=y - HEIGHT / 2, width=width)
