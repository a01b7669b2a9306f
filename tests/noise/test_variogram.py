"""Variogram and colour filter against noise whose covariance is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nflib import units
from nflib.noise import colour_filter, filtered_noise, variogram

LAGS = 6


def known_taps() -> torch.Tensor:
    """A diagonal smear, the same in all colours, and red that leaks into green."""
    kernel = torch.tensor([[0.6, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 0.3]], dtype=torch.float64)
    colours = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.9, 0.0], [0.0, 0.0, 0.7]], dtype=torch.float64)
    return colours[:, :, None, None] * kernel


def covariance(taps: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """Of the filter's output with itself at a lag, from the taps: plain loops."""
    found = torch.zeros(3, 3, dtype=torch.float64)
    side = taps.shape[-1]
    for y in range(side):
        for x in range(side):
            if 0 <= y + dy < side and 0 <= x + dx < side:
                found += taps[:, :, y, x] @ taps[:, :, y + dy, x + dx].T
    return found


def expected_variogram(taps: torch.Tensor, lags: int) -> torch.Tensor:
    gram = torch.zeros(2 * lags + 1, 2 * lags + 1, 3, 3, dtype=torch.float64)
    for dy in range(-lags, lags + 1):
        for dx in range(-lags, lags + 1):
            at = covariance(taps, dy, dx)
            gram[lags + dy, lags + dx] = covariance(taps, 0, 0) - (at + at.T) / 2
    return gram


def test_of_noise_it_is_the_covariance_at_zero_less_that_at_the_lag() -> None:
    like = torch.zeros(400, 3, 32, 32, dtype=torch.float64)
    noise = filtered_noise(like, known_taps(), units.generator(0))
    found, truth = variogram(noise, LAGS), expected_variogram(known_taps(), LAGS)
    # 400,000 values: their scatter is under a percent of the sill
    assert (found - truth).abs().max() < 0.02 * truth.max()


def test_a_colour_that_is_added_to_each_window_changes_nothing() -> None:
    windows = torch.rand(5, 3, 16, 16, generator=units.generator(1)).double()
    colours = torch.rand(5, 3, 1, 1, generator=units.generator(2)).double()
    torch.testing.assert_close(variogram(windows + colours, LAGS), variogram(windows, LAGS))


def test_the_filter_makes_noise_of_that_variogram() -> None:
    truth = expected_variogram(known_taps(), 10)
    taps = colour_filter(truth)
    made = expected_variogram(taps, 10)
    # the taper takes a little of the neighbours: (cos(pi / 2 * sqrt(2) / 11))
    assert (made - truth).abs().max() < 0.05 * truth.max()
    white = torch.zeros_like(truth)
    white[:] = torch.eye(3)
    white[10, 10] = 0
    delta = F.pad(torch.eye(3, dtype=torch.float64)[..., None, None], (12,) * 4)
    torch.testing.assert_close(colour_filter(white), delta, rtol=0, atol=1e-9)


def test_noise_is_as_strong_at_the_border_as_inside() -> None:
    like = torch.zeros(3000, 3, 6, 6, dtype=torch.float64)
    power = filtered_noise(like, known_taps(), units.generator(3)).square().mean((0, 1))
    assert (power / power.mean() - 1).abs().max() < 0.1


def test_windows_that_are_too_small() -> None:
    with pytest.raises(ValueError, match="windows must be larger than 6 pixels, got 6x9"):
        variogram(torch.zeros(1, 3, 6, 9), LAGS)
