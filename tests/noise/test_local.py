"""The strongest noise at a place, and noise kept below it."""

from __future__ import annotations

import pytest
import torch

from nflib import units
from nflib.noise.local import limited, local_strength, strongest


def white(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=units.generator(seed), dtype=torch.float64)


def test_local_strength_is_the_root_mean_square_around() -> None:
    noise = white(1, 2, 20, 20)
    strength = local_strength(noise)
    assert strength.shape == noise.shape
    torch.testing.assert_close(strength[0, 1, 10, 7], noise[0, 1, 6:15, 3:12].square().mean().sqrt())
    torch.testing.assert_close(strength[0, 0, 0, 0], noise[0, 0, :5, :5].square().mean().sqrt())


def test_the_strongest_is_a_little_more_than_all_but_a_thousandth() -> None:
    noise = 0.1 * white(4, 3, 128, 128)
    most = strongest(noise)
    # the mean square of 81 values scatters by sqrt(2/81); a thousandth lies 3.1 deviations or more away
    assert most == pytest.approx([0.125 * (1 + 3.1 * (2 / 81) ** 0.5) ** 0.5] * 3, rel=0.06)


def test_only_what_is_too_strong_becomes_weaker() -> None:
    noise = 0.1 * white(1, 3, 64, 64)
    most = strongest(noise)
    strong = torch.where(torch.arange(64) < 32, noise, 10 * noise)
    found = limited(strong, most)
    assert torch.equal(found[..., :24], noise[..., :24])
    bound = torch.tensor(most).view(3, 1, 1)
    assert (local_strength(found) <= bound * (1 + 1e-6)).all()
    assert (local_strength(found) > 0.5 * bound).any()
    assert (found[..., 36:] / strong[..., 36:]).std() < 0.1  # weaker, not clipped
    assert torch.equal(limited(torch.zeros(1, 3, 8, 8), most), torch.zeros(1, 3, 8, 8))
