"""The drawings of the book as a reader sees them: text inside boxes, boxes apart, arrows from box to box."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from nflib import drawings
from nflib.drawings.drawing import KINDS, SMALL, WIDTH, Arrow, Box, Drawing

MAKERS = [name for name in drawings.__all__ if name.islower()]
SVG = "{http://www.w3.org/2000/svg}"
# Ground and text of the page's two themes.
THEMES = {"light": ("#ffffff", "#222832"), "dark": ("#14181e", "#ced6dd")}


@pytest.fixture(params=MAKERS)
def drawing(request) -> Drawing:
    return getattr(drawings, request.param)()


@pytest.fixture(scope="module")
def width_of() -> Callable[[ElementTree.Element], float]:
    """Width of a text in pixels in DejaVu Sans, which is wider than the fonts that pages usually have."""
    font_manager = pytest.importorskip("matplotlib.font_manager")
    from matplotlib.ft2font import FT2Font

    face = FT2Font(font_manager.findfont("DejaVu Sans"))

    def measure(text: ElementTree.Element) -> float:
        total = 0.0
        for span in text.iter(f"{SVG}tspan"):
            face.set_size(float(span.get("font-size", 12)), 72)
            face.set_text(span.text or "")
            total += face.get_width_height()[0] / 64
        return total

    return measure


def parsed(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg())


def test_it_is_whole_and_says_what_it_shows(drawing) -> None:
    root = parsed(drawing)
    assert root.get("role") == "img"
    assert len(root.get("aria-label").split()) > 20, "an alt text says what is to be seen"
    for text in root.iter(f"{SVG}text"):
        assert not re.search(r"[*{}]", "".join(text.itertext())), "marks are not for the reader"


def test_text_stays_in_its_box(drawing, width_of) -> None:
    groups = iter(parsed(drawing).findall(f"{SVG}g"))
    for name, box in drawing.boxes.items():
        area = drawing.area(name)
        for text in next(groups).iter(f"{SVG}text"):
            half = width_of(text) / 2
            x, y = float(text.get("x")), float(text.get("y"))
            if box.kind != "frame":
                room = area.right - area.left - (3 if box.kind == "data" else 0)
                assert 2 * half <= room, (name, "".join(text.itertext()))
            assert area.left <= x <= area.right
            assert area.top + 8 <= y <= area.bottom - 2, name


def test_boxes_do_not_meet(drawing) -> None:
    solid = [name for name, box in drawing.boxes.items() if box.kind != "frame"]
    for one, other in combinations(solid, 2):
        a, b = drawing.area(one), drawing.area(other)
        apart = max(a.left - b.right, b.left - a.right, a.top - b.bottom, b.top - a.bottom)
        assert apart >= 1, (one, other)


def test_frames_hold_boxes_whole_or_not_at_all(drawing, width_of) -> None:
    groups = dict(zip(drawing.boxes, parsed(drawing).findall(f"{SVG}g")))
    for name, box in drawing.boxes.items():
        if box.kind != "frame":
            continue
        frame = drawing.area(name)
        title = groups[name].find(f"{SVG}text")
        title_right, title_bottom = float(title.get("x")) + width_of(title), float(title.get("y")) + 3
        for other in (other for other, b in drawing.boxes.items() if b.kind != "frame"):
            area = drawing.area(other)
            inside = frame.left < area.left and area.right < frame.right
            inside = inside and frame.top < area.top and area.bottom < frame.bottom
            outside = max(frame.left - area.right, area.left - frame.right, 0) > 0
            outside = outside or area.bottom < frame.top or frame.bottom < area.top
            assert inside or outside, (name, other)
            assert outside or area.top > title_bottom or area.left > title_right, f"{other} covers the title"


def test_arrows_end_at_their_boxes_and_cross_no_other(drawing) -> None:
    groups = parsed(drawing).findall(f"{SVG}g")[len(drawing.boxes) :]
    assert len(groups) == len(drawing.arrows)
    for arrow, group in zip(drawing.arrows, groups):
        points = [tuple(map(float, p.split(","))) for p in group[0].get("points").split()]
        tip = tuple(map(float, group[1].get("points").split()[0].split(",")))
        for name, (x, y) in ((arrow.start, points[0]), (arrow.end, tip)):
            area = drawing.area(name)
            across = min(abs(x - area.left), abs(x - area.right)) < 0.2 and area.top <= y <= area.bottom
            along = min(abs(y - area.top), abs(y - area.bottom)) < 0.2 and area.left <= x <= area.right
            assert across or along, (arrow, name)
        solid = [
            n for n, b in drawing.boxes.items() if b.kind != "frame" and n not in (arrow.start, arrow.end)
        ]
        for (x0, y0), (x1, y1) in pairwise(points):
            for step in range(21):
                x, y = x0 + (x1 - x0) * step / 20, y0 + (y1 - y0) * step / 20
                hit = [n for n in solid if inside(x, y, drawing.area(n))]
                assert not hit, (arrow, hit)


def inside(x, y, area) -> bool:
    return area.left < x < area.right and area.top < y < area.bottom


def test_a_phone_shows_it_one_to_one(drawing) -> None:
    left, top, right, bottom = drawing.extent
    assert right - left <= WIDTH + 2
    assert bottom - top <= 420, "no more than a screen"
    for points in re.findall(r'points="([^"]*)"', drawing.svg()):
        for x, y in (map(float, p.split(",")) for p in points.split()):
            assert left <= x <= right
            assert top <= y <= bottom


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_text_is_readable_on_every_ground(kind, theme) -> None:
    page, text = (channels(colour) for colour in THEMES[theme])
    colour, opacity, *_ = KINDS[kind]
    ground = page
    if colour != "none":
        ground = [opacity * c + (1 - opacity) * p for c, p in zip(channels(colour), page)]
    high, low = sorted((luminance(ground), luminance(text)), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5, "contrast of WCAG 2.2, level AA"


def channels(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear))


def test_no_colour_but_that_of_the_page_and_of_the_grounds(drawing) -> None:
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawing.svg()))
    assert colours <= {"none", "currentColor", *(kind[0] for kind in KINDS.values())}


def test_marks_become_letters() -> None:
    drawing = Drawing("x", {"a": Box("*z*_{*n*}^{2} < 1 * 3", 0, 0)})
    spans = list(parsed(drawing).iter(f"{SVG}tspan"))
    assert [span.text for span in spans] == ["z", "n", "2", " < 1 * 3"]
    assert [span.get("font-style") for span in spans] == ["italic", "italic", None, None]
    assert [span.get("font-size") for span in spans] == [None, str(SMALL), str(SMALL), None]
    assert sum(float(span.get("dy", 0)) for span in spans) == 0, "back on the line"


def test_bad_descriptions() -> None:
    with pytest.raises(ValueError, match="one of data, network, .* got 'round'"):
        Box("x", 0, 0, "round")
    with pytest.raises(ValueError, match="got 'up'"):
        Arrow("x", "y", turn="up")
    with pytest.raises(ValueError, match="arrows must join boxes, x, got 'y'"):
        Drawing("", {"x": Box("x", 0, 0)}, [Arrow("x", "y")])
