"""Curves of variance by value against scipy, and against noises whose curves are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from nflib import units
from nflib.noise import TransferFit
from nflib.noise.transfer import KNOTS, hats, interpolated

GRID = torch.linspace(0, 1, KNOTS, dtype=torch.float64)
# Of a window of 32x32 pixels of white noise: its variance is a multiple of a chi-square variable.
FREEDOM = 1000


def windows(curve, *, seed: int = 0, n: int = 400, low: float = 0.08, high: float = 0.92) -> tuple:
    """Values of n windows of 20 photos, variances within them, and their photos."""
    generator = units.generator(seed)
    values = low + (high - low) * torch.rand(n, 1, generator=generator, dtype=torch.float64)
    scatter = torch.randn(n, 1, generator=generator, dtype=torch.float64) * (2 / FREEDOM) ** 0.5
    return values, curve(values) * (1 + scatter), torch.arange(n) % 20


def grain(values: torch.Tensor) -> torch.Tensor:
    """Strongest in the mid-tones, as film is."""
    return 0.002 * torch.exp(-((values - 0.5) ** 2) / (2 * 0.18**2))


def camera(values: torch.Tensor) -> torch.Tensor:
    return 0.003 * values + 0.0002


def test_hats_interpolate_as_numpy_does() -> None:
    values = torch.rand(50, generator=units.generator(0), dtype=torch.float64) * 1.4 - 0.2
    curve = torch.rand(3, KNOTS, generator=units.generator(1), dtype=torch.float64)
    expected = np.stack([np.interp(values.numpy(), GRID.numpy(), one) for one in curve.numpy()])
    np.testing.assert_allclose((hats(values) @ curve.T).T, expected, atol=1e-12)
    found = interpolated(curve, values.expand(2, 3, 1, 50))[1, :, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("curve", [camera, grain, lambda values: 0.001 + 0 * values])
def test_curves_are_found(curve) -> None:
    """Where there are windows, within three standard errors of a mean of 20 windows."""
    inside = (GRID > 0.1) & (GRID < 0.9)
    wanted = curve(GRID)[inside]
    for seed in range(5):
        found = TransferFit(*windows(curve, seed=seed)).curve()[0, inside]
        assert ((found - wanted).abs() < 3 * wanted * (2 / FREEDOM / 20) ** 0.5 + 0.03 * wanted.max()).all()


def test_a_line_stays_a_line_and_grain_does_not() -> None:
    """Leaving photos out says how much the curve may bend."""

    def bend(curve) -> float:
        found = TransferFit(*windows(curve)).curve()[0, 2:-2]
        return (found.diff(n=2).abs().max() / found.max()).item()

    assert bend(camera) < 1e-9
    assert bend(grain) > 0.03


def test_the_best_line_is_that_of_scipy() -> None:
    """All windows trusted alike, so that one solver without weights can be asked."""
    values, _, groups = windows(camera)
    variances = 0.001 + 0.002 * torch.rand(len(values), 1, generator=units.generator(3), dtype=torch.float64)
    # so much content everywhere that every window scatters alike, but for a part in a thousand
    found = TransferFit(values, variances, groups % 2, content=torch.full_like(values, 1000.0)).curve()[0]
    ends = np.stack((1 - values[:, 0].numpy(), values[:, 0].numpy()), 1)
    line = lsq_linear(ends, variances[:, 0].numpy(), bounds=(0, np.inf)).x
    np.testing.assert_allclose(found[[0, -1]], line, rtol=0.02)


def test_a_curve_is_nowhere_negative_and_calm_beyond_its_windows() -> None:
    """Windows from .3 to .5 only; the variance rises steeply there, and below .3 a line would be negative."""
    values, variances, groups = windows(lambda v: 0.02 * (v - 0.28).clamp(min=0), low=0.3, high=0.5)
    found = TransferFit(values, variances, groups).curve()[0]
    assert found.min() >= 0
    assert found.max() < 0.02 * (0.5 - 0.28) * 1.1
    nothing = TransferFit(values, -variances, groups).curve()
    assert nothing.abs().max() == 0


def test_without_a_group_is_what_the_others_give() -> None:
    """With no shape to choose, two groups: without one it is the fit to the other."""
    values, variances, groups = windows(camera)
    both = TransferFit(values, variances, groups % 2)
    one = groups % 2 == 0
    alone = TransferFit(values[one], variances[one], torch.zeros(int(one.sum()), dtype=torch.long))
    torch.testing.assert_close(both.curve(1), alone.curve(), rtol=0.01, atol=1e-6)
