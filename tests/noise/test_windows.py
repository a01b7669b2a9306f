"""Flat windows of photos of any sizes."""

from __future__ import annotations

import pytest
import torch

from nflib import units
from nflib.noise import flat_windows, flat_windows_and_even, windows
from nflib.noise.windows import usual_side


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


def test_memory_does_not_grow_with_the_number_of_photos(monkeypatch) -> None:
    """Never more windows than MOST, nor more candidates than CANDIDATES; those are from all photos alike."""
    monkeypatch.setattr(windows, "MOST", 60)
    monkeypatch.setattr(windows, "CANDIDATES", 500)
    seen, remembered = [], windows._candidates

    def watched(*what, **how) -> tuple:
        found = remembered(*what, **how)
        seen.append(found)
        return found

    monkeypatch.setattr(windows, "_candidates", watched)
    photo_of = {i: photo(128, 160, True, seed=i) for i in range(8)}
    for count in (40, 400):
        found = flat_windows(lambda i: photo_of[i % 8], count, share=1.0)
        assert len(found.pixels) <= 60
        numbers = seen[-1].photo
        assert 250 <= len(numbers) <= 500
        per_photo = torch.bincount(numbers, minlength=count).double()
        assert per_photo.max() - per_photo.min() <= 1 + 20 / 20  # 20 windows of each photo, evenly thinned


def test_few_photos_have_smaller_windows_and_a_larger_share() -> None:
    assert usual_side([(512, 768)] * 3, [(512, 768)] * 9) == 32
    assert usual_side([(512, 768)] * 3, [(512, 512)] * 2) == 16
    several = [photo(256, 256, k % 2 == 0, seed=k) for k in range(2)]
    found = flat_windows(lambda i: several[i], 2, side=16)
    # as many pixels as 40 windows of 32
    assert len(found.pixels) == pytest.approx(160, abs=3)
    assert found.share == pytest.approx(160 / 512)


def test_orientations_mix() -> None:
    lying, upright = photo(64, 128, True, seed=1), photo(64, 128, True, seed=2).mT
    found = flat_windows(lambda i: (lying, upright)[i], 2, share=1.0)
    assert len(found.pixels) == 16
    torch.testing.assert_close(found.pixels[8], upright[:, :32, :32].double())


def test_even_windows_are_of_every_photo() -> None:
    """Textured photos have none of the flattest windows, and eight of their own."""
    several = [photo(256, 256, k % 2 == 0, seed=k) for k in range(6)]
    flat, even = flat_windows_and_even(lambda i: several[i], 6, share=0.2)
    assert set(flat.photo.tolist()) == {0, 2, 4}
    assert torch.bincount(even.photo).tolist() == [8] * 6
    again = flat_windows(lambda i: several[i], 6, share=0.2)
    assert torch.equal(flat.pixels, again.pixels)
