"""Moving a widget in a page and comparing what it shows with what Python computes from its state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nflib import widgets

FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def settle(page) -> None:
    page.evaluate(FRAME)


def state(element) -> dict:
    return json.loads(element.get_attribute("data-state"))


def shown(element) -> dict[str, float]:
    """The read-outs at full precision."""
    pairs = element.evaluate(
        "e => [...e.querySelectorAll('[data-readout]')].map(r => [r.dataset.readout, r.dataset.value])"
    )
    return {name: float(value) for name, value in pairs}


def assert_right(element) -> dict[str, float]:
    """The read-outs are those of the Python class with the same state; returns them."""
    now, python = shown(element), getattr(widgets, element.get_attribute("data-widget"))(**state(element))
    scale = max(1.0, state(element).get("signal_sd", 1.0)) ** 2
    assert now == pytest.approx(python.readouts(), rel=1e-9, abs=1e-12 * scale)
    assert all(text.strip() for text in element.locator("[data-readout]").all_inner_texts())
    return now


def sliders(element) -> list[str]:
    return element.locator("input[type=range]").evaluate_all("all => all.map(i => i.name)")


def slider(element, name: str) -> Any:
    return element.locator(f"input[type=range][name={name}]")


def set_value(page, element, name: str, share: float) -> None:
    """Put a slider at a share of its range, as dragging does."""
    slider(element, name).evaluate(
        "(i, share) => { i.value = +i.min + share * (i.max - i.min); i.dispatchEvent(new Event('input')); }",
        share,
    )
    settle(page)


def press(page, element, name: str, key: str) -> None:
    slider(element, name).press(key)
    settle(page)


def exercise(page, element) -> None:
    """Every slider, by value and by keyboard: the state moves, the numbers change, and they are right."""
    assert_right(element)
    for name in sliders(element):
        before, drawn = assert_right(element), element.locator("svg[role=img]").inner_html()
        places = [state(element)[name]]
        for share in (0.15, 0.8):
            set_value(page, element, name, share)
            after = assert_right(element)
            places.append(state(element)[name])
            # a slider with steps may have been there already
            assert (after != before) == (places[-1] != places[-2]), (
                f"moving {name} from {places[-2]} to {places[-1]}: a number changed, or none did"
            )
            before = after
        assert places[2] > places[1]
        position = state(element)[name]
        press(page, element, name, "ArrowLeft")
        assert state(element)[name] < position
        assert assert_right(element) != before, f"the arrow key on {name} changed no number"
        assert element.locator("svg[role=img]").inner_html() != drawn
