"""Noises compared in dark and bright, flat and textured places: right where the truth is right, and not blind
to noise that is bent by the content.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nflib import units
from nflib.metrics import spectrum_error
from nflib.noise import strata_error

SIGMA = 0.04


def scenes(count: int, seed: int) -> torch.Tensor:
    """Photos (count, 3, 96, 96) that are flat on one side and textured on the other, some dark, some
    bright.
    """
    generator = units.generator(seed)
    light = 0.25 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator)
    coarse = torch.randn(count, 3, 24, 24, generator=generator)
    texture = 0.12 * F.interpolate(coarse, size=96, mode="bicubic") * torch.linspace(0, 1, 96)
    return (light + texture).clamp(0.08, 0.92)


def noise(images: torch.Tensor, seed: int) -> torch.Tensor:
    return SIGMA * torch.randn(images.shape, generator=units.generator(seed))


@pytest.fixture(scope="module")
def sides() -> tuple[torch.Tensor, torch.Tensor]:
    """Clean photos, and degraded ones of other scenes."""
    other = scenes(24, 1)
    return scenes(24, 0), other + noise(other, 2)


def test_the_true_strength_is_best(sides) -> None:
    clean, real = sides
    white = noise(clean, 3)
    found = [strata_error(clean + factor * white, real) for factor in (0.8, 0.9, 1.0, 1.1, 1.2)]
    assert min(found, key=lambda one: one.total) is found[2]
    # a tenth more is 0.83 dB more wherever there is little but noise
    flat, stronger = (one.strengths[:, 0].mean().item() for one in found[2:4])
    assert abs(flat) < 0.4
    assert stronger - flat == pytest.approx(0.83, abs=0.25)


def test_noise_that_follows_texture_is_seen_where_flat_windows_are_blind(sides) -> None:
    """Right where it is flat, half as strong again where there is texture."""
    clean, real = sides
    bent = 1 + 0.5 * ((torch.linspace(0, 1, 96) - 0.35) / 0.65).clamp(min=0)
    white = noise(clean, 3)
    right, wrong = (strata_error(clean + gain * white, real) for gain in (1.0, bent))
    assert wrong.total > right.total + 0.5
    assert wrong.strengths[:, 2].mean() > wrong.strengths[:, 0].mean() + 1.5
    right_flat, wrong_flat = (
        spectrum_error(clean + gain * white, real, 1 / 3).item() for gain in (1.0, bent)
    )
    assert abs(wrong_flat - right_flat) < 0.1


def test_noise_that_follows_brightness_is_seen(sides) -> None:
    clean, real = sides
    gain = (clean.mean((1, 2, 3), keepdim=True) / 0.5).square()
    assert (
        strata_error(clean + gain * noise(clean, 3), real).total
        > 1 + strata_error(clean + noise(clean, 3), real).total
    )


def test_a_difference_counts_less_where_photos_differ(sides) -> None:
    """All crops of one photo: nothing is known of how photos differ, and content counts as noise does."""
    clean, real = sides
    fake = clean + noise(clean, 3)
    one = strata_error(fake, real, torch.zeros(len(real)))
    many = strata_error(fake, real, torch.arange(len(real)) % 12)
    assert many.total < one.total


def test_of_few_or_saturated_images_something_finite_is_said() -> None:
    grey = torch.full((2, 3, 32, 32), 0.5)
    for real in (grey, torch.ones(2, 3, 32, 32)):
        found = strata_error(grey + noise(grey, 0), real)
        assert found.strengths.shape == (1, 1)
        assert torch.tensor(found.total).isfinite()
    assert strata_error(grey, grey).total == 0


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fake must be \(N, 3, H, W\), at least 16x16"):
        strata_error(torch.zeros(1, 3, 15, 20), torch.zeros(1, 3, 20, 20))
