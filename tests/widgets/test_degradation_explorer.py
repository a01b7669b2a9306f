"""The degradation in the browser is that of the model."""

from __future__ import annotations

import pytest
import torch

import nflib
from nflib import widgets
from nflib.data import photos
from nflib.widgets import flow_export
from tests.helpers.node import run
from tests.helpers.scene import degradation, degradation_explorer

pytest.importorskip("anywidget", reason="the widget classes need anywidget")


def in_browser(widget) -> torch.Tensor:
    pixels = run(
        "const { default: w } = await load('degradation_explorer'); return [...w.solve(args[0]).degraded];",
        widget.state,
    )
    return torch.tensor(pixels, dtype=torch.float64).view(flow_export.unpack(widget.scene["image"]).shape)


def by_the_model(model, image, condition, widget) -> torch.Tensor:
    """Eq. (30) in the model's own float32, with the browser's random numbers."""
    with torch.no_grad():
        known = model.prepare(condition)
        white = tuple(
            n.float() for n in flow_export.noise(model.flow.transform, known.conditioning, widget.seed)
        )
        shift = model.base(known).shift_of(white, widget.tau)
        return model.decode(tuple(z + u for z, u in zip(model.encode(image, known), shift)), known).clamp(
            0, 1
        )[0]


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("tau", [0.33, 1.0, 2.0])
def test_pixels_are_those_of_torch(local, tau) -> None:
    model, image = degradation(local)
    condition = model.condition(image, torch.Generator().manual_seed(3))
    widget = widgets.DegradationExplorer.of(model, image, condition, tau=tau, seed=5)
    expected = by_the_model(model, image, condition, widget)
    assert (expected - image[0]).abs().max() > 0.01
    torch.testing.assert_close(in_browser(widget).float(), expected, rtol=0, atol=1e-4)


def test_pixels_of_a_trained_model() -> None:
    model = nflib.load("deflow_camera_small").requires_grad_(False)
    image = photos("validation")["chelsea"][None, :, 64:96, 160:192]
    condition = model.condition(image, torch.Generator().manual_seed(3))
    widget = widgets.DegradationExplorer.of(model, image, condition, seed=2)
    torch.testing.assert_close(
        in_browser(widget).float(), by_the_model(model, image, condition, widget), rtol=0, atol=1e-4
    )


def test_no_strength_returns_the_image() -> None:
    assert in_browser(degradation_explorer(tau=0)).float().equal(degradation()[1][0])


def test_another_seed_is_another_sample() -> None:
    first, second = (in_browser(degradation_explorer(seed=seed)) for seed in (1, 2))
    assert (first - second).abs().mean() > 0.01
