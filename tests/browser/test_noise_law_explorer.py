"""The handles of the noise law widget: dragged, moved by keyboard, and not in the way of a finger that
scrolls.
"""

from __future__ import annotations

from typing import Any

import pytest

from nflib import widgets
from tests.helpers.driver import assert_right, settle, slider, state

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
pytestmark = pytest.mark.browser
KNOTS = ("black", "dark", "middle", "bright", "white")
SMALLEST = 24  # pixels of a target, WCAG 2.2, 2.5.8


@pytest.fixture(params=[360, 1000])
def widget(page, tmp_path, request) -> Any:
    page.set_viewport_size({"width": request.param, "height": 1600})
    body = widgets.NoiseLawExplorer()._repr_mimebundle_()[0]["text/html"]
    file = tmp_path / "page.html"
    file.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Widget</title>'
        f"<script>{widgets.static_bundle()}</script></head><body>{body}</body></html>",
        encoding="utf-8",
    )
    page.goto(file.as_uri())
    return page.locator(".nf-widget")


def gains(widget) -> list[float]:
    return [state(widget)[knot] for knot in KNOTS]


def thumb(widget, knot: str) -> tuple[float, float, float]:
    """Where the handle is by the state, and how many pixels a gain of 1 is."""
    left, bottom, height = slider(widget, knot).evaluate(
        "e => { const r = e.parentElement.getBoundingClientRect(); return [r.left, r.bottom, r.height]; }"
    )
    return left, bottom - height * state(widget)[knot] / 2, height / 2


def named_at(page, x: float, y: float) -> str | None:
    return page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.name ?? null", [x, y])


@pytest.mark.parametrize("knot", KNOTS)
def test_a_handle_follows_the_mouse_and_the_curve_follows_it(page, widget, knot) -> None:
    others = [value for name, value in zip(KNOTS, gains(widget)) if name != knot]
    before, drawn = assert_right(widget), widget.locator("svg[role=img]").inner_html()
    for gain in (1.6, 0.1):
        x, y, unit = thumb(widget, knot)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - (gain - state(widget)[knot]) * unit, steps=4)
        page.mouse.up()
        settle(page)
        assert state(widget)[knot] == pytest.approx(gain, abs=0.051)
    assert [value for name, value in zip(KNOTS, gains(widget)) if name != knot] == others
    assert assert_right(widget) != before
    assert widget.locator("svg[role=img]").inner_html() != drawn


def test_a_handle_keeps_the_focus_while_arrows_move_it(page, widget) -> None:
    slider(widget, "dark").focus()
    first = gains(widget)
    for key in ("ArrowUp", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        settle(page)
    assert gains(widget) == pytest.approx([first[0], first[1] + 0.1, *first[2:]])
    assert page.evaluate("document.activeElement.name") == "dark"
    assert slider(widget, "dark").get_attribute("aria-valuetext") == "10.2 grey levels"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "middle"


@pytest.mark.parametrize("knot", KNOTS)
def test_a_handle_is_large_enough_to_touch_and_nothing_else_of_its_track_is_touched(
    page, widget, knot
) -> None:
    x, y, _ = thumb(widget, knot)
    for dx, dy in ((0, 0), (-12, 0), (11.5, 0), (0, -12), (0, 11.5)):
        assert named_at(page, x + dx, y + dy) == knot, f"{dx}, {dy} of a target of {SMALLEST} pixels"
    slider(widget, knot).focus()
    page.keyboard.press("End")
    settle(page)
    assert thumb(widget, knot)[1] < y - 30  # the radius of the target is 20
    assert named_at(page, x, y) is None


def test_the_handles_go_with_sigma_and_stay_on_the_curve(page, widget) -> None:
    before = [thumb(widget, knot)[1] for knot in KNOTS]
    slider(widget, "sigma").press("End")
    settle(page)
    assert all(thumb(widget, knot)[1] < y for knot, y in zip(KNOTS, before))
    # The curve is the thick line of the picture's first inner panel.
    line = page.evaluate("""() => {
        const path = document.querySelector(".nf-figure svg svg path[stroke-width='2.5']");
        const at = (share) => {
            const point = path.getPointAtLength(share * path.getTotalLength());
            const all = path.getScreenCTM();
            return [point.x * all.a + all.e, point.y * all.d + all.f];
        };
        return [at(0), at(1)];
    }""")
    for (x, y), knot in zip(line, ("black", "white")):
        assert thumb(widget, knot)[:2] == pytest.approx((x, y), abs=1)


def test_buttons_draw_the_curves_of_cameras_and_film(page, widget) -> None:
    widget.get_by_role("button", name="Film").click()
    settle(page)
    black, _, middle, _, white = gains(widget)
    assert black < middle > white
    assert_right(widget)
    widget.get_by_role("button", name="Camera").click()
    settle(page)
    assert gains(widget) == sorted(gains(widget))
    before = assert_right(widget)
    widget.get_by_role("button", name="New draw").click()
    settle(page)
    after = assert_right(widget)
    assert state(widget)["seed"] == 2
    assert after["neighbours"] == before["neighbours"]
    assert after["neighbours_seen"] != before["neighbours_seen"]
