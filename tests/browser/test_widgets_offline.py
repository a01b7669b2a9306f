"""The widgets in a page of our own, opened from disk: no kernel, no network, no other file."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from nflib import widgets
from tests.helpers.driver import assert_right, exercise, set_value, settle, shown, slider, sliders, state
from tests.helpers.scene import degradation_explorer, explorer, study, study_choices

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    """A page with every widget; the address of the file."""
    rng = np.random.default_rng(1)
    made = [
        widgets.GaussianExplorer(),
        widgets.GaussianExplorer(
            x=rng.normal(120, 30, 60), y=rng.normal(126, 40, 45), weighting="count", unit="grey levels"
        ),
        widgets.SigmaExplorer(),
        widgets.SigmaExplorer(dimension=2),
        widgets.TauExplorer(),
        widgets.TauExplorer(dimension=2),
        widgets.CouplingExplorer(),
        widgets.NoiseLawExplorer(),
        widgets.PrenoiseExplorer(),
        widgets.RooflineExplorer(),
        explorer(),
        degradation_explorer(),
        study(choices=study_choices(8), enough=5),
    ]
    body = "\n".join(widget._repr_mimebundle_()[0]["text/html"] for widget in made)
    path = tmp_path_factory.mktemp("page") / "widgets.html"
    path.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width">'
        f"<title>Widgets</title><script>{widgets.static_bundle()}</script></head><body>{body}</body></html>",
        encoding="utf-8",
    )
    return path.as_uri()


NUMBER = 13


@pytest.mark.parametrize("index", range(NUMBER))
def test_every_slider_gives_the_numbers_of_python(page, file, index) -> None:
    page.goto(file)
    assert page.locator(".nf-widget").count() == NUMBER
    exercise(page, page.locator(".nf-widget").nth(index))


def test_choice_buttons_and_reset(page, file) -> None:
    page.goto(file)
    widget = page.locator(".nf-widget").first
    first = assert_right(widget)
    initial = state(widget)
    widget.get_by_role("radio", name="count").check()
    settle(page)
    assert state(widget)["weighting"] == "count"
    assert assert_right(widget)["nll"] != first["nll"]
    widget.get_by_role("button", name="New samples").click()
    settle(page)
    assert assert_right(widget)["var_x"] != first["var_x"]
    set_value(page, widget, "tau", 0)
    widget.get_by_role("button", name="Reset").click()
    settle(page)
    assert state(widget) == initial
    assert shown(widget) == first
    assert slider(widget, "tau").input_value() == "1"

    coupling = page.locator(".nf-widget[data-widget=CouplingExplorer]")
    coupling.get_by_role("button", name="additive").click()
    settle(page)
    assert assert_right(coupling)["excess"] == pytest.approx(1, abs=1e-12)

    roofline = page.locator(".nf-widget[data-widget=RooflineExplorer]")
    roofline.get_by_role("button", name="RTX 4090, bfloat16").click()
    roofline.get_by_role("radio", name="recomputed").check()
    settle(page)
    assert [state(roofline)[key] for key in ("tflops", "bandwidth", "precision", "training")] == [
        165.2,
        1008,
        "bfloat16",
        "reversible",
    ]
    assert_right(roofline)


def test_sliders_are_labelled_native_and_tell_their_unit(page, file) -> None:
    page.goto(file)
    for widget in page.locator(".nf-widget").all():
        for name in sliders(widget):
            control = slider(widget, name)
            label = widget.locator(f"label[for='{control.get_attribute('id')}']")
            assert label.count() == 1
            assert control.get_attribute("aria-valuetext") == label.locator(".nf-value").inner_text()
        assert widget.get_by_role("img").get_attribute("aria-label")
    ids = page.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    values = (
        page.locator("input[name=tau]").first.get_attribute("aria-valuetext"),
        page.locator("input[name=angle]").get_attribute("aria-valuetext"),
    )
    assert values == ("1.00 × u", "50 degrees")


def test_words_of_the_picture_follow_the_slider(page, file) -> None:
    page.goto(file)
    widget = page.locator(".nf-widget[data-widget=TauExplorer]").first
    set_value(page, widget, "tau", 1)
    assert "tau = 2.000: mean 2.000" in widget.get_by_role("img").get_attribute("aria-label")


def test_a_move_is_drawn_with_the_next_frame(page, file) -> None:
    page.goto(file)
    for widget in page.locator(".nf-widget:has(input[type=range])").all():
        name = next((name for name in ("tau", "sigma") if name in sliders(widget)), sliders(widget)[0])
        frames = slider(widget, name).evaluate("""async (input) => {
            const counts = [];
            for (const share of [0.2, 0.4, 0.6, 0.8, 1]) {
                const picture = input.closest(".nf-widget").querySelector(".nf-figure");
                const drawn = new Promise((done) => {
                    const watch = new MutationObserver(() => { watch.disconnect(); done(); });
                    watch.observe(picture, { childList: true });
                });
                input.value = +input.min + share * (input.max - input.min);
                let frames = 0, waiting = true;
                const count = () => { if (waiting) { frames += 1; requestAnimationFrame(count); } };
                input.dispatchEvent(new Event("input"));
                requestAnimationFrame(count);
                await drawn;
                waiting = false;
                counts.push(frames);
            }
            return counts;
        }""")
        assert max(frames) <= 2, f"{widget.get_attribute('data-widget')}: drawn after {frames} frames"


@pytest.mark.parametrize("width", [340, 360, 700, 1000])
@pytest.mark.parametrize("share", [None, 0.0, 1.0])
def test_nothing_leaves_its_frame_or_covers_other_words(page, file, width, share) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(file)
    for widget in page.locator(".nf-widget").all():
        for name in sliders(widget) if share is not None else ():
            set_value(page, widget, name, share)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut, covered = page.evaluate("""() => {
        const cut = [], covered = [];
        const common = (a, b, low, high) =>
            Math.max(0, Math.min(a[high], b[high]) - Math.max(a[low], b[low]));
        const overlap = (a, b) => common(a, b, "left", "right") * common(a, b, "top", "bottom");
        const area = (a) => a.width * a.height;
        const leaves = (a, frame) =>
            a.left < frame.left - 3 || a.right > frame.right + 3 ||
            a.top < frame.top - 3 || a.bottom > frame.bottom + 3;
        for (const svg of document.querySelectorAll(".nf-figure > svg")) {
            const frame = svg.getBoundingClientRect();
            const words = [...svg.querySelectorAll("text")]
                .map((t) => [t.textContent, t.getBoundingClientRect()]);
            const where = svg.getAttribute("aria-label").slice(0, 40);
            for (const [text, b] of words)
                if (leaves(b, frame)) cut.push(`${where}: ${text}`);
            words.forEach(([p, a], i) => words.slice(i + 1).forEach(([q, b]) => {
                if (overlap(a, b) > 0.25 * Math.min(area(a), area(b))) covered.push(`${where}: ${p} | ${q}`);
            }));
        }
        return [cut, covered];
    }""")
    assert not cut + covered


def test_its_ground_is_light_on_a_dark_page(page, file) -> None:
    page.goto(file)
    page.evaluate("document.body.style.cssText = 'background: #111; color: #eee'")
    looks = page.locator(".nf-widget, .nf-widget .nf-title, .nf-widget .nf-slider label").evaluate_all(
        "all => all.map(e => [getComputedStyle(e).color, "
        "getComputedStyle(e.closest('.nf-widget')).backgroundColor])"
    )
    assert {tuple(look) for look in looks} == {("rgb(34, 34, 34)", "rgb(255, 255, 255)")}


def test_without_scripts_the_pictures_stay(browser, file) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file)
    assert page.locator(".nf-widget input").count() == 0
    pictures = page.locator(".nf-widget > img").all()
    assert len(pictures) == NUMBER
    for picture in pictures:
        assert picture.is_visible()
        assert picture.bounding_box()["height"] > 200
        assert len(picture.get_attribute("alt")) > 60
    context.close()


MAKERS = [
    widgets.GaussianExplorer,
    widgets.SigmaExplorer,
    lambda: widgets.SigmaExplorer(dimension=2),
    widgets.TauExplorer,
    lambda: widgets.TauExplorer(dimension=2),
    widgets.CouplingExplorer,
    widgets.NoiseLawExplorer,
    widgets.PrenoiseExplorer,
    explorer,
    degradation_explorer,
]


@pytest.mark.parametrize("make", MAKERS)
def test_live_module_with_a_model_like_jupyters(page, make) -> None:
    """The module that anywidget loads draws, tells the model what the slider did, and follows a change from
    Python.
    """
    widget = make()
    page.set_content('<div id="cell"></div>')
    address = "data:text/javascript;base64," + base64.b64encode(widget._esm.encode()).decode()
    page.evaluate(
        """async ([address, state]) => {
        const { default: live } = await import(address);
        const listeners = {};
        window.model = {
            saved: 0,
            get: (key) => state[key],
            set: (key, value) => {
                state[key] = value;
                (listeners["change:" + key] ?? []).forEach((f) => f());
            },
            save_changes() { this.saved++; },
            on: (event, f) => (listeners[event] ??= []).push(f),
            off: (event) => { delete listeners[event]; },
            listening: () => Object.keys(listeners).length,
        };
        window.stop = live.render({ model, el: document.getElementById("cell") });
    }""",
        [address, widget.state],
    )
    cell = page.locator("#cell")
    assert shown(cell) == pytest.approx(widget.readouts(), rel=1e-9, abs=1e-12)

    moved = "sigma" if "sigma" in widget.state else "tau"
    set_value(page, cell, moved, 0.5)
    setattr(widget, moved, page.evaluate(f"model.get('{moved}')"))
    assert page.evaluate("model.saved") == 1
    assert shown(cell) == pytest.approx(widget.readouts(), rel=1e-9, abs=1e-12)

    setattr(widget, moved, 0.37)
    page.evaluate(f"model.set('{moved}', 0.37)")
    settle(page)
    assert shown(cell) == pytest.approx(widget.readouts(), rel=1e-9, abs=1e-12)
    assert slider(cell, moved).get_attribute("aria-valuetext").startswith("0.37")

    page.evaluate("stop()")
    assert page.evaluate("model.listening()") == 0
