"""Laws drawn at random: that they differ as they are said to, and what all of them keep."""

import pytest
import torch

from nflib import degraders, units
from nflib.degraders import RandomLaws

PLAIN = RandomLaws(jpeg=0)


def noises(degrade: RandomLaws, n: int = 60, value: float = 0.5) -> torch.Tensor:
    """Noise of n laws on one grey."""
    grey = torch.full((n, 3, 64, 64), value)
    return degrade.each(grey, 1.0, [units.generator(seed) for seed in range(n)]) - grey


def test_the_field_has_deviation_one_whatever_its_correlation() -> None:
    """Mean square over many laws and pixels is 1; the standard error is that of the means of fields."""
    from nflib.degraders.random_laws import _field

    squares = torch.stack(
        [_field(torch.zeros(3, 96, 96), units.generator(seed)).square().mean() for seed in range(200)]
    )
    assert abs(squares.mean() - 1) < 4 * squares.std() / 200**0.5


def test_strengths_are_spread_over_all_octaves() -> None:
    levels = noises(PLAIN).flatten(1).std(1) * 255
    assert (levels < 1.5).float().mean() > 0.15
    assert (levels > 15).float().mean() > 0.1
    assert levels.max() < 60


def test_neighbours_and_colours_differ_from_law_to_law() -> None:
    found = noises(RandomLaws(sigma=(0.05, 0.05), jpeg=0))
    flat = found.flatten(2)
    beside = (found[..., 1:] * found[..., :-1]).mean((1, 2, 3)) / found.square().mean((1, 2, 3))
    colours = torch.stack([torch.corrcoef(one)[0, 1] for one in flat])
    for spread in (beside, colours):
        assert spread.min() < 0.1
        assert spread.max() > 0.6


def test_noise_of_dark_and_bright_differs_from_law_to_law() -> None:
    known = RandomLaws(sigma=(0.03, 0.03), jpeg=0)
    dark, bright = (noises(known, value=value).flatten(1).std(1) for value in (0.2, 0.8))
    assert (bright / dark).min() < 0.9
    assert (bright / dark).max() > 1.3


def test_jpeg_comes_last_and_as_often_as_it_is_said() -> None:
    """A photo without noise is changed by JPEG alone."""
    ramp = torch.linspace(0, 1, 64).expand(3, 64, 64).flip(1) * torch.linspace(0.2, 1, 3).view(3, 1, 1)
    ramp = (ramp * 255).round() / 255
    quiet = RandomLaws(sigma=(1e-6, 1e-6), jpeg=0.5)
    made = quiet.each(ramp.expand(80, 3, 64, 64), 1.0, [units.generator(seed) for seed in range(80)])
    changed = (made - ramp).abs().flatten(1).amax(1) > 0
    assert 0.3 < changed.float().mean() < 0.7


@pytest.mark.parametrize("size", [(5, 3), (1, 40), (33, 20)])
def test_same_generator_same_result_of_any_size(size) -> None:
    clean = torch.rand(2, 3, *size, generator=units.generator(1))
    first, again = (RandomLaws()(clean, generator=units.generator(2)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == clean.shape
    assert torch.equal(RandomLaws()(clean, strength=0.0), clean)


def test_it_has_a_name() -> None:
    assert degraders.load("random") == RandomLaws()
