"""The polynomials of the roofline widget are what the counter finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nflib import widgets
from nflib.costs import CARDS, training_cost
from nflib.models import DeFlowConfig

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
STALE = "the models have changed: run experiments/bundled/deflow_costs.py"
CHANGES = {"steps": 2, "hidden": 24}


@pytest.mark.parametrize(("training", "error"), [("plain", 0), ("reversible", 1e-3)])
def test_costs_are_those_of_the_counter(training, error) -> None:
    """Exactly; but for what a reversible model looks at to watch its errors, which is no polynomial and
    counts in a small image only.
    """
    cost = training_cost(replace(DeFlowConfig.aim(), **CHANGES, reversible=training == "reversible"), 3, 64)
    widget = widgets.RooflineExplorer(**CHANGES, crop=64, batch=3, training=training)
    assert widget.count("multiply_adds") == cost.multiply_adds, STALE
    assert widget.count("parameters") == cost.parameters, STALE
    assert (widget.count("moved"), widget.count("kept")) == pytest.approx(
        (cost.moved, cost.kept), rel=error, abs=0
    ), STALE
    low, high = widget.memory()
    assert low <= cost.peak * (1 + error)
    assert cost.peak <= high
    card = CARDS["A100 80 GB SXM"]
    for precision in ("float32", "bfloat16"):
        shown = widgets.RooflineExplorer(
            **{
                **widget.state,
                "precision": precision,
                "tflops": card.peak(precision) / 1e12,
                "bandwidth": card.bandwidth,
            }
        ).readouts()
        floor = card.floor(cost, precision)
        assert (shown["operations"], shown["bytes"]) == pytest.approx(
            (1e3 * floor.operations, 1e3 * floor.bytes), rel=max(error, 1e-9)
        )
        assert shown["floor"] == pytest.approx(1e3 * floor.seconds, rel=max(error, 1e-9))
        assert 1e12 * shown["attained"] == pytest.approx(card.attainable(shown["intensity"], precision))


def test_reversible_memory_hardly_grows_with_the_steps() -> None:
    widget = widgets.RooflineExplorer()
    grown = {way: widget.memory(way, 32)[0] - widget.memory(way, 16)[0] for way in ("plain", "reversible")}
    weights = 16 * (widget.count("parameters", "plain", 32) - widget.count("parameters", "plain", 16))
    assert grown["reversible"] == weights < grown["plain"] / 5


def test_every_card_is_a_preset() -> None:
    presets = {label: rest for label, *rest in widgets.RooflineExplorer().presets}
    assert presets["H100 SXM, TF32"] == [494.7, 3350.0, "float32"]
    assert presets["RTX 4090, bfloat16"] == [
        165.2,
        1008.0,
        "bfloat16",
    ]
    assert len(presets) == 2 * len(CARDS)
