"""Flat windows of photos of any sizes."""

from __future__ import annotations

import pytest
import torch

from nflib import units
from nflib.noise import flat_windows


def photo(height: int, width: int, flat: bool, level: float = 0.5, seed: int = 0) -> torch.Tensor:
    """Flat in its left half, wavy elsewhere; with weak white noise."""
    x = torch.arange(width) * torch.pi / 16  # a wave is as long as a window
    waves = 0.2 * torch.sin(x).expand(3, height, width).clone()
    if flat:
        waves[..., : width // 2] = 0
    return level + waves + 0.01 * torch.randn(3, height, width, generator=units.generator(seed))


def test_the_flat_ones_are_found_whatever_the_sizes() -> None:
    photos = [
        photo(64, 128, True, seed=1),
        photo(96, 160, False, seed=2),
        photo(10, 200, True),
        photo(70, 130, True, 0.3),
    ]
    found = flat_windows(lambda i: photos[i], 4, share=0.05)
    # of few windows more are taken: all 25 here, which are fewer than 40
    assert found.share == 1.0
    assert set(found.photo.tolist()) == {0, 1, 3}
    several = [photo(256, 256, k % 2 == 0, seed=k) for k in range(6)]
    found = flat_windows(lambda i: several[i], 6, share=0.2)
    assert found.share == pytest.approx(0.2)
    assert set(found.photo.tolist()) == {0, 2, 4}
    assert found.pixels.shape[1:] == (3, 32, 32)
    assert found.pixels.dtype == torch.float64
    torch.testing.assert_close(
        found.pixels.std((2, 3)), torch.full_like(found.colours, 0.01), rtol=0.2, atol=0
    )


def test_windows_are_pieces_of_their_photos() -> None:
    photos = [torch.rand(3, 64, 96, generator=units.generator(k)) * 0.5 + 0.25 for k in range(2)]
    found = flat_windows(lambda i: photos[i], 2, share=1.0)
    assert len(found.pixels) == 12
    assert torch.equal(found.pixels[4], photos[0][:, 32:64, 32:64].double())


def test_dark_and_bright_windows_are_left_out() -> None:
    photos = [photo(64, 64, True, level) for level in (0.01, 0.5, 0.99)]
    assert set(flat_windows(lambda i: photos[i], 3).photo.tolist()) == {1}
    with pytest.raises(ValueError, match="no window of 32x32 pixels is neither too dark nor too bright"):
        flat_windows(lambda i: photos[0], 1)
    with pytest.raises(ValueError, match="share must be in"):
        flat_windows(lambda i: photos[1], 1, share=0)
