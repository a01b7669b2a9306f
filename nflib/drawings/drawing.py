"""Boxes and arrows from a short description, as an SVG that is readable in the light, in the dark and on a
phone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import NamedTuple

from ..plots import PALETTE

# Pixels. A phone shows this width one to one; wider pages enlarge it a little.
WIDTH, WIDEST = 350, 490
FONT, SMALL, LINE = 12, 9, 15
PADDING, GAP, HEAD, LANE = 7, 8, 6, 12
# Of each kind of box: colour and opacity of its ground, roundness of its corners, whether it has an outline.
KINDS = {
    "data": (PALETTE["orange"], 0.3, 0, True),
    "network": (PALETTE["sky"], 0.35, 8, True),
    "latent": (PALETTE["green"], 0.3, 16, True),
    "step": ("none", 1, 0, True),
    "text": ("none", 1, 0, False),
    "frame": ("none", 1, 10, True),
}


@dataclass(frozen=True)
class Box:
    """A box of a :class:`Drawing`. Its middle is counted in columns and rows from 0, its height follows its
    lines.

    >>> Box("*z*_{x}", column=0, row=2, kind="latent").kind
    'latent'

    Attributes:
        text: lines, split at line ends; ``*x*`` is italic, ``_{n}`` and ``^{n}`` are lowered and raised.
        column, row: of its middle.
        kind: "data" (orange), "network" (blue), "latent" (green, round), "step", "text" (no outline) or
            "frame" (dashed, its text in the upper left corner).
        width: in columns.
        height: in rows; by default as much as the lines need.
    """

    text: str
    column: float
    row: float
    kind: str = "step"
    width: float = 1
    height: float | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")


@dataclass(frozen=True)
class Arrow:
    """An arrow of a :class:`Drawing`, straight where nothing else is said.

    >>> Arrow("x", "z", turn="down").turn
    'down'

    Attributes:
        start, end: names of boxes.
        text: beside it.
        turn: "across" (first to the side), "down" (first up or down), "left" or
            "right" (around, by that side).
        lane: how far around, in steps of 12 pixels.
        dashed: for what is only told.
    """

    start: str
    end: str
    text: str = ""
    turn: str = ""
    lane: float = 1
    dashed: bool = False

    def __post_init__(self):
        if self.turn not in ("", "across", "down", "left", "right"):
            raise ValueError(f'turn must be "", across, down, left or right, got {self.turn!r}')


class Area(NamedTuple):
    """Where a box is, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Drawing:
    """Boxes and arrows. In a notebook it stands inside the page, and has the page's font and the colour of
    its text.

    >>> boxes = {"x": Box("*x*", 0, 0, "data"), "z": Box("*z*", 0, 1, "latent")}
    >>> print(Drawing("An arrow from x to z.", boxes, [Arrow("x", "z")]).svg()[:4])
    <svg

    Attributes:
        alt: what is to be seen, for those who do not see it.
        boxes: by name, the first ones behind the others.
        arrows: between them.
        columns: how many there are in 350 pixels; by default as many as the boxes ask for.
        row: height of a row in pixels.
    """

    alt: str
    boxes: Mapping[str, Box]
    arrows: Sequence[Arrow] = field(default=())
    columns: float | None = None
    row: float = 46

    def __post_init__(self):
        for arrow in self.arrows:
            for name in (arrow.start, arrow.end):
                if name not in self.boxes:
                    raise ValueError(f"arrows must join boxes, {', '.join(self.boxes)}, got {name!r}")

    def area(self, name: str) -> Area:
        """Where a box is."""
        box = self.boxes[name]
        columns = self.columns or max(b.column + (b.width + 1) / 2 for b in self.boxes.values())
        column = WIDTH / columns
        x, y = (box.column + 0.5) * column, (box.row + 0.5) * self.row
        half_width = (box.width * column - (0 if box.kind == "frame" else GAP)) / 2 - 1
        lines = box.text.count("\n") + 1
        height = lines * LINE + PADDING * 2 - 2 if box.height is None else box.height * self.row - GAP
        return Area(x - half_width, y - height / 2, x + half_width, y + height / 2)

    @property
    def extent(self) -> Area:
        """The area of all boxes, and two pixels around them."""
        areas = [self.area(name) for name in self.boxes]
        ends = zip(*areas)
        return Area(
            *(end(side) + away for end, away, side in zip((min, min, max, max), (-2, -2, 2, 2), ends))
        )

    def svg(self) -> str:
        """The drawing as text, complete in itself."""
        left, top, right, bottom = self.extent
        width, height = right - left, bottom - top
        style = f"max-width: {WIDEST * width / WIDTH:.0f}px; width: 100%; height: auto"
        parts = [self._box(name) for name in self.boxes] + [self._arrow(arrow) for arrow in self.arrows]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="nf-drawing" role="img" '
            f'aria-label="{escape(self.alt)}" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
            f'style="display: block; margin: 0.5rem auto; {style}" '
            f'font-family="inherit" font-size="{FONT}" fill="currentColor" stroke-width="1.2">'
            + "".join(parts)
            + "</svg>"
        )

    def _repr_html_(self) -> str:
        return self.svg()

    def _box(self, name: str) -> str:
        box, area = self.boxes[name], self.area(name)
        colour, opacity, radius, outlined = KINDS[box.kind]
        ground = ""
        if outlined:
            dashes = ' stroke-dasharray="4 4" stroke-opacity="0.6"' if box.kind == "frame" else ""
            ground = (
                f'<rect x="{area.left:.1f}" y="{area.top:.1f}" width="{area.right - area.left:.1f}" '
                f'height="{area.bottom - area.top:.1f}" rx="{radius}" fill="{colour}" '
                f'fill-opacity="{opacity}" stroke="currentColor"{dashes}/>'
            )
        lines = box.text.split("\n")
        if box.kind == "frame":
            return f"<g>{ground}{_text(lines[0], area.left + 8, area.top + 15, 'start')}</g>"
        x, y = area.middle
        first = y - (len(lines) - 1) * LINE / 2 + FONT * 0.35
        texts = "".join(_text(line, x, first + i * LINE, "middle") for i, line in enumerate(lines))
        return f"<g>{ground}{texts}</g>"

    def _arrow(self, arrow: Arrow) -> str:
        points = _route(self.area(arrow.start), self.area(arrow.end), arrow)
        (x0, y0), (x1, y1) = points[-2:]
        length = math.dist((x0, y0), (x1, y1))
        along = (x1 - x0) / length * HEAD, (y1 - y0) / length * HEAD
        head = [
            (x1, y1),
            *((x1 - along[0] + s * along[1] / 2, y1 - along[1] - s * along[0] / 2) for s in (1, -1)),
        ]
        line = [*points[:-1], (x1 - along[0], y1 - along[1])]
        dashes = ' stroke-dasharray="3 3"' if arrow.dashed else ""
        label = ""
        if arrow.text:
            (a, b), (c, d) = max(pairwise(points), key=lambda ends: math.dist(*ends))
            if abs(a - c) < abs(b - d):
                label = _text(arrow.text, (a + c) / 2 + 6, (b + d) / 2 + FONT * 0.35, "start")
            else:
                label = _text(arrow.text, (a + c) / 2, (b + d) / 2 - 6, "middle")
        return (
            f'<g><polyline points="{_listed(line)}" fill="none" stroke="currentColor"{dashes}/>'
            f'<polygon points="{_listed(head)}"/>{label}</g>'
        )


def _route(start: Area, end: Area, arrow: Arrow) -> list[tuple[float, float]]:
    """Corners of an arrow, from the border of one box to that of the other."""
    (sx, sy), (ex, ey) = start.middle, end.middle
    out_y, in_y = (start.bottom, end.top) if ey > sy else (start.top, end.bottom)
    out_x, in_x = (start.right, end.left) if ex > sx else (start.left, end.right)
    if arrow.turn == "across":
        return [(out_x, sy), (ex, sy), (ex, in_y)]
    if arrow.turn == "down":
        return [(sx, out_y), (sx, ey), (in_x, ey)]
    if arrow.turn:
        side = 1 if arrow.turn == "right" else -1
        borders = [max(start.right, end.right)] if side > 0 else [min(start.left, end.left)]
        lane = borders[0] + side * LANE * arrow.lane
        out_x, in_x = (start.right, end.right) if side > 0 else (start.left, end.left)
        away = 5 if ey > sy else -5  # what leaves a box does not meet what enters it
        return [(out_x, sy + away), (lane, sy + away), (lane, ey - away), (in_x, ey - away)]
    low, high = max(start.left, end.left), min(start.right, end.right)
    if low < high:  # one above the other
        x = sx if low <= sx <= high and start.right - start.left <= end.right - end.left else ex
        x = min(max(x, low), high)
        return [(x, out_y), (x, in_y)]
    low, high = max(start.top, end.top), min(start.bottom, end.bottom)
    if low < high:  # side by side
        y = (low + high) / 2
        return [(out_x, y), (in_x, y)]
    return [(sx, out_y), (ex, in_y)]


def _listed(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(line: str, x: float, y: float, anchor: str) -> str:
    spans, shifted = [], 0
    for words, style in _pieces(line):
        shift = {"_": 3, "^": -5}.get(style[:1], 0)
        marks = ' font-style="italic"' * ("*" in style) + f' font-size="{SMALL}"' * bool(shift)
        moved = f' dy="{shift - shifted}"' if shift != shifted else ""
        shifted = shift
        spans.append(f"<tspan{moved}{marks}>{escape(words)}</tspan>")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{"".join(spans)}</text>'


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Words of a line and their style: "*" italic, "_" lowered, "^" raised, "_*" and "^*" both."""
    for part in re.split(r"([_^]\{[^}]+\}|\*[^*]+\*)", line):
        if part[:2] in ("_{", "^{"):
            words = part[2:-1]
            yield words.strip("*"), part[0] + "*" * words.startswith("*")
        elif part[:1] == "*" and len(part) > 2:
            yield part[1:-1], "*"
        elif part:
            yield part, ""
