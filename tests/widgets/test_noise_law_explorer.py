"""The noise of the widget has the law that its lines show, by what nflib.noise measures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nflib import widgets
from nflib.models import NoiseLaw, NoiseLawConfig
from nflib.noise import filtered_noise, variogram
from tests.helpers.node import run

pytest.importorskip("anywidget", reason="the widget classes need anywidget")

LAGS = 10


def colour_taps(widget) -> torch.Tensor:
    """The widget's filter as one of nflib.noise, (3, 3, 25, 25)."""
    colours = np.full((3, 3), widget.colours) + (1 - widget.colours) * np.eye(3)
    values, vectors = np.linalg.eigh(colours)
    root = (vectors * np.sqrt(values)) @ vectors.T
    return torch.from_numpy(np.einsum("ij,y,x->ijyx", root, widget.taps(), widget.taps()))


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(0), values.std(0, ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize(("length", "colours"), [(0.0, 0.0), (0.8, 0.3), (2.5, 0.9)])
def test_the_lines_are_the_law_of_filtered_noise(length, colours) -> None:
    widget = widgets.NoiseLawExplorer(length=length, colours=colours)
    like = torch.zeros(30, 3, 64, 64, dtype=torch.float64)
    noise = filtered_noise(like, colour_taps(widget), torch.Generator().manual_seed(1))
    grams = torch.stack([variogram(one[None]) for one in noise])
    for gram in (grams[:, LAGS, LAGS:], grams[:, LAGS:, LAGS]):
        found, error = mean_and_error(gram.diagonal(dim1=-2, dim2=-1).mean(-1).numpy())
        assert (np.abs(found - widget.law())[1:] < 4.5 * error[1:]).all()
    flat = noise.flatten(2).numpy()
    found, error = mean_and_error(np.stack([np.cov(one)[np.triu_indices(3, 1)] for one in flat]))
    assert (np.abs(found - colours) < 4.5 * error).all()


def test_it_is_a_noise_law() -> None:
    """The model with the same variances and the same filter has the widget's curve and its correlations."""
    widget = widgets.NoiseLawExplorer(length=1.3, colours=0.4, black=0, dark=1.9, white=0.3)
    knots = (widget.deviation(np.linspace(0, 1, 5)) / 255) ** 2
    law = NoiseLaw(NoiseLawConfig(knots=5)).double()
    law.set(variance=torch.from_numpy(knots).expand(3, 5), taps=colour_taps(widget))
    values = torch.linspace(0, 1, 99, dtype=torch.float64)
    found = 255 * law.deviation(values.expand(1, 3, 1, 99))[0, 0, 0]
    assert found.numpy() == pytest.approx(widget.deviation(values.numpy()), rel=1e-9, abs=1e-7)
    correlation = law.correlation(LAGS).numpy()
    assert 1 - correlation[1, 1, LAGS, LAGS:] == pytest.approx(widget.law(), abs=1e-9)
    assert correlation[0, 2, LAGS, LAGS] == pytest.approx(widget.colours, abs=1e-9)


@pytest.mark.parametrize(("length", "colours"), [(0.0, 0.0), (1.5, 0.6)])
def test_the_noise_that_is_drawn_has_variance_one_and_its_correlations(length, colours) -> None:
    made = [widgets.NoiseLawExplorer(length=length, colours=colours, seed=k) for k in range(40)]
    noise = np.stack([widget.noise() for widget in made])
    found, error = mean_and_error((noise**2).mean((1, 2, 3))[:, None])
    assert abs(found - 1) < 4.5 * error
    found, error = mean_and_error((noise[:, 0] * noise[:, 2]).mean((1, 2))[:, None])
    assert abs(found - colours) < 4.5 * error
    found, error = mean_and_error(np.stack([widget.measured() for widget in made]))
    assert (np.abs(found - made[0].law())[1:] < 4.5 * error[1:]).all()


def test_the_measured_dots_are_those_of_nflibs_variogram() -> None:
    widget = widgets.NoiseLawExplorer(length=1.2)
    noise = widget.noise()
    assert noise.shape[1] == noise.shape[2]  # so that rows and columns have the same weight
    gram = variogram(torch.from_numpy(noise)[None]).diagonal(dim1=-2, dim2=-1).mean(-1)
    both = (gram[LAGS, LAGS:] + gram[LAGS:, LAGS]) / 2
    assert widget.measured() == pytest.approx(both.numpy(), rel=1e-12)


def test_correlation_of_a_gaussian_filter() -> None:
    """exp(-d^2 / (4 length^2)), where the filter is wide against a pixel and short against its reach."""
    for length in (1.0, 1.7, 2.5):
        assert 1 - widgets.NoiseLawExplorer(length=length).law() == pytest.approx(
            np.exp(-(np.arange(LAGS + 1) ** 2) / (4 * length**2)), abs=1e-3
        )


def test_deviation_is_the_curve_of_photon_transfer() -> None:
    """Where the squares at the knots lie on a line, sigma(x)^2 = a x + b."""
    squares = {"black": 0.2, "dark": 0.6, "middle": 1.0, "bright": 1.4, "white": 1.8}
    widget = widgets.NoiseLawExplorer(sigma=10, **{knot: math.sqrt(v) for knot, v in squares.items()})
    values = np.linspace(0, 1, 77)
    assert widget.deviation(values) ** 2 == pytest.approx(100 * (0.2 + 1.6 * values), rel=1e-12)


def test_dots_lie_around_the_curve_and_bend_down_where_values_are_clipped() -> None:
    grey = torch.linspace(0.02, 0.98, 160).expand(3, 160, 160)
    state = {"length": 0, "colours": 0, "black": 0.5, "white": 1.5, "dark": 0.8, "bright": 1.2}
    quiet = widgets.NoiseLawExplorer.of(grey, sigma=1, **state)
    brightness, measured = quiet.points()[1:-1].T
    within = measured / quiet.deviation(brightness / 255) - 1
    assert np.abs(within).max() < 4.5 / math.sqrt(2 * 3 * 160 * 20)
    loud = widgets.NoiseLawExplorer.of(grey, sigma=20, **state)
    brightness, measured = loud.points()[-1]
    assert measured < 0.9 * loud.deviation(brightness / 255)


@pytest.mark.parametrize("photo", [None, (21, 34)])
def test_pixels_and_dots_of_the_browser_are_those_of_python(photo) -> None:
    state = {"length": 1.35, "colours": 0.55, "black": 0, "dark": 1.1, "white": 2, "seed": 7}
    if photo is None:
        widget = widgets.NoiseLawExplorer(**state)
    else:
        widget = widgets.NoiseLawExplorer.of(
            torch.rand(3, *photo, generator=torch.Generator().manual_seed(2)), **state
        )
    browser = run(
        """const { default: w } = await load("noise_law_explorer"); const r = w.solve(args[0]);
        return { shown: [...r.shown], points: r.points, law: r.law, measured: r.measured };""",
        widget.state,
    )
    clean = widget.clean()
    noisy = (clean + widget.deviation(clean) / 255 * widget.noise()).clip(0, 1)
    assert np.array(browser["shown"]) == pytest.approx(noisy.ravel(), rel=1e-10, abs=1e-12)
    assert np.array(browser["points"]) == pytest.approx(widget.points(), rel=1e-10)
    assert browser["law"] == pytest.approx(widget.law(), abs=1e-12)
    assert browser["measured"] == pytest.approx(widget.measured(), rel=1e-10, abs=1e-12)


def test_another_seed_is_another_draw_of_the_same_law() -> None:
    first, second = (widgets.NoiseLawExplorer(seed=seed) for seed in (1, 2))
    assert abs(np.corrcoef(first.noise().ravel(), second.noise().ravel())[0, 1]) < 0.05
    assert (first.law() == second.law()).all()
    assert (first.noise() == widgets.NoiseLawExplorer(seed=1).noise()).all()
