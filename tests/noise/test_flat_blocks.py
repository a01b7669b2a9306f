"""Flat blocks: those without content, in every range of brightness."""

import pytest
import torch

from nflib.noise.flat_blocks import flat_blocks


def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_blocks_without_content_are_found_whatever_their_noise() -> None:
    """Blocks of 8 pixels: with stripes, with a little noise, with much."""
    kind = torch.randint(3, (40, 4, 4), generator=generator(0))
    large = kind.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None]
    noise = torch.randn(40, 3, 32, 32, generator=generator(1))
    stripes = 0.2 * (torch.arange(32) // 4 % 2 - 0.5).expand(40, 3, 32, 32)
    images = (
        0.4
        + 0.2 * torch.rand(40, 1, 1, 1, generator=generator(2))
        + torch.where(large == 0, stripes + 0.001 * noise, torch.where(large == 1, 0.01, 0.03) * noise)
    )
    found = flat_blocks(images, 8, 0.2)
    assert found.shape == (40, 4, 4)
    assert found.sum() == pytest.approx(0.2 * 640, abs=3)
    assert (kind[found] != 0).all()


def test_every_range_of_brightness_has_its_share() -> None:
    """The dark half of each image has less noise, but not more of the blocks; nothing from where the noise is
    clipped.
    """
    values = torch.linspace(0.1, 0.9, 50).repeat_interleave(4).view(200, 1, 1, 1)
    images = values + 0.05 * values * torch.randn(200, 3, 16, 16, generator=generator(0))
    images[::4] = 0.02
    found = flat_blocks(images, 16, 0.2).flatten()
    assert not found[::4].any()
    chosen = values.flatten()[found]
    assert chosen.mean().item() == pytest.approx(0.5, abs=0.06)
    assert chosen.max() > 0.75


def test_all_and_none() -> None:
    assert flat_blocks(torch.zeros(2, 3, 16, 8), 8, 1.0).sum() == 4
    with pytest.raises(ValueError, match="neither dark nor bright"):
        flat_blocks(torch.ones(2, 3, 8, 8), 8, 0.5)
    with pytest.raises(ValueError, match=r"in \(0, 1\], got 0"):
        flat_blocks(torch.ones(2, 3, 8, 8), 8, 0)
