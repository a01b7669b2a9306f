"""The user study in a page opened from disk, and its live module: buttons, keys, taps, and what is
recorded."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nflib import widgets
from nflib.study.choices import read_choices
from tests.helpers.driver import assert_right, settle, state
from tests.helpers.scene import study, study_choices

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
pytestmark = pytest.mark.browser


@pytest.fixture
def widget(page, tmp_path) -> Any:
    path = tmp_path / "study.html"
    body = study(enough=9)._repr_mimebundle_()[0]["text/html"]
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><script>{widgets.static_bundle()}</script>{body}',
        encoding="utf-8",
    )
    page.goto(path.as_uri())
    return page.locator(".nf-widget")


def sides(widget) -> list[str]:
    return ["left" if c["chosen"] == c["left"] else "right" for c in state(widget)["choices"]]


def test_buttons_taps_and_arrow_keys_choose(page, widget) -> None:
    widget.get_by_role("button", name="Left crop looks more realistic").click()
    settle(page)
    assert sides(widget) == ["left"]
    assert assert_right(widget)["remaining"] == 11
    widget.locator("[data-press=right]").click()
    settle(page)
    page.keyboard.press("ArrowLeft")
    settle(page)
    page.keyboard.press("ArrowRight")
    settle(page)
    assert sides(widget) == ["left", "right", "left", "right"]
    asked = [{k: c[k] for k in ("photo", "crop", "left", "right")} for c in state(widget)["choices"]]
    assert asked == [{k: c[k] for k in ("photo", "crop", "left", "right")} for c in study_choices(4)]


def test_keys_for_the_browser_and_held_keys_choose_nothing(page, widget) -> None:
    widget.locator(".nf-title").click()
    page.keyboard.press("Control+ArrowLeft")
    widget.evaluate("e => e.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', repeat: true }))")
    settle(page)
    assert sides(widget) == []
    page.locator("body").evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }))"
    )
    settle(page)
    assert sides(widget) == []


def test_to_the_end_with_scores_and_a_file(page, widget, tmp_path) -> None:
    save = widget.get_by_role("button", name="Download choices")
    assert save.is_disabled()
    widget.locator(".nf-title").click()
    for i in range(14):  # two more than there are questions
        assert ("Scores after" in widget.get_by_role("img").get_attribute("aria-label")) == (i >= 9)
        page.keyboard.press("ArrowLeft")
        settle(page)
    assert assert_right(widget)["remaining"] == 0
    assert sides(widget) == ["left"] * 12
    assert widget.get_by_role("button", name="Left crop").is_disabled()
    with page.expect_download() as started:
        save.click()
    started.value.save_as(tmp_path / "choices.jsonl")
    assert started.value.suggested_filename == "choices.jsonl"
    again = study(file=tmp_path / "choices.jsonl")
    assert again.choices == state(widget)["choices"]
    assert len(read_choices(again.file)) == 12

    widget.get_by_role("button", name="Next participant").click()
    settle(page)
    assert assert_right(widget)["remaining"] == 12
    assert widget.get_by_role("button", name="Left crop").is_enabled()


def test_crops_are_enlarged_by_whole_pixels_and_the_mark_is_where_they_are_from(page, widget) -> None:
    crop = widget.locator("[data-press=left]")
    assert crop.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    assert crop.bounding_box()["width"] % 16 == 0
    first = study().questions()[0]
    photo = study().scene["photos"][first.photo]
    place = photo["crops"][first.crop]
    whole, mark = (
        widget.locator(what).first.bounding_box()
        for what in (".nf-figure image", ".nf-figure rect:last-of-type")
    )
    scale = whole["width"] / photo["width"]
    assert mark["x"] - whole["x"] == pytest.approx(scale * place["left"], abs=2)
    assert mark["y"] - whole["y"] == pytest.approx(scale * place["top"], abs=2)
    assert mark["width"] == pytest.approx(scale * 16, abs=3)


def test_the_live_module_tells_python_each_choice(page, tmp_path) -> None:
    python = study(file=tmp_path / "choices.jsonl")
    page.set_content('<div id="cell"></div>')
    address = "data:text/javascript;base64," + base64.b64encode(python._esm.encode()).decode()
    page.evaluate(
        """async ([address, state]) => {
        const { default: live } = await import(address);
        const listeners = {};
        window.saved = [];
        const model = {
            get: (key) => state[key],
            set: (key, value) => {
                state[key] = value;
                (listeners["change:" + key] ?? []).forEach((f) => f());
            },
            save_changes: () => saved.push(structuredClone(state.choices)),
            on: (event, f) => (listeners[event] ??= []).push(f),
            off: () => {},
        };
        live.render({ model, el: document.getElementById("cell") });
    }""",
        [address, python.state],
    )
    page.locator("#cell .nf-title").click()
    for key in ("ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        settle(page)
    for choices in page.evaluate("saved"):
        python.choices = choices
    assert [c.chosen == c.left for c in read_choices(python.file)] == [True, False]
    assert page.locator("#cell").get_attribute("data-lm-suppress-shortcuts") == "true"
