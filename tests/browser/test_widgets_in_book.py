"""The widgets on the pages of the built book: each one comes to life, and its sliders give
Python's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.driver import assert_right, exercise, settle, state

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
pytestmark = [pytest.mark.browser, pytest.mark.book]


def pages_with_widgets(site) -> list[Path]:
    return [
        path
        for path in sorted(site.rglob("*.html"))
        if 'class="nf-widget"' in path.read_text(encoding="utf-8")
    ]


def test_every_widget_of_the_book(page, site) -> None:
    files = pages_with_widgets(site)
    assert files, "no page of the book has a widget"
    for file in files:
        page.goto(file.as_uri())
        settle(page)
        for element in page.locator(".nf-widget").all():
            assert element.locator("svg[role=img]").count() == 1, (
                f"a widget of {file.name} did not come to life"
            )
            exercise(page, element)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widgets_fit_a_phone(page, site, theme) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for file in pages_with_widgets(site):
        page.goto(file.as_uri())
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        for element in page.locator(".nf-widget").all():
            assert_right(element)
            box = element.bounding_box()
            assert box["x"] >= 0, f"{file.name}: {box}"
            assert box["x"] + box["width"] <= 360, f"{file.name}: {box}"
            ground = element.evaluate("e => getComputedStyle(e).backgroundColor")
            assert ground == "rgb(255, 255, 255)", f"{file.name} in {theme} mode"


def test_the_study_of_the_book_takes_answers_and_shows_scores(page, site) -> None:
    page.goto((site / "11_restoration.html").as_uri())
    settle(page)
    study = page.locator(".nf-widget[data-widget=UserStudy]")
    asked, enough = assert_right(study)["remaining"], state(study)["enough"]
    methods = state(study)["scene"]["methods"]
    assert asked > enough
    for answered in range(enough):
        assert assert_right(study) == {"choices": answered, "remaining": asked - answered, "spread": 0}
        side = "Left" if answered % 2 else "Right"
        study.get_by_role("button", name=f"{side} crop looks more realistic").click()
        settle(page)
    assert assert_right(study)["choices"] == enough
    assert all(method in study.get_by_role("img").get_attribute("aria-label") for method in methods)
