"""Noise patches: what is collected, and that pasting keeps variance, correlation and direction."""

import math

import pytest
import torch

from nflib import data, degraders, images, units
from nflib.degraders import NTIRE, NoisePatches


def noise(sigma, *shape, seed=0) -> torch.Tensor:
    return sigma * torch.randn(shape, generator=units.generator(seed), dtype=torch.float64)


def textured(height, width, period=9.0) -> torch.Tensor:
    y, x = torch.arange(height)[:, None], torch.arange(width)[None]
    return (0.5 + 0.2 * torch.sin(2 * math.pi * (x + y) / period)).double().expand(3, height, width)


def test_the_flat_part_is_found_and_its_mean_removed() -> None:
    image = torch.cat(
        (textured(128, 128), torch.tensor([0.3, 0.5, 0.7]).double()[:, None, None].expand(3, 128, 128)), 2
    ) + noise(0.02, 3, 128, 256)
    collected = NoisePatches.collect([image], size=32, share=0.2)
    # 7 x 15 crops on the grid, of which 7 x 7 lie in the flat part
    assert len(collected.patches) == round(0.2 * 7 * 15)
    assert collected.patches.mean((2, 3)).abs().max() < 1e-6
    assert collected.patches.std() == pytest.approx(0.02, rel=0.02)


def test_strong_noise_on_flat_ground_is_preferred_to_weak_noise_on_texture() -> None:
    """Total variance prefers the left half: 0.01^2 + 0.015^2 / 2 against 0.02^2."""
    x = torch.arange(128).double()
    left = 0.5 + 0.015 * torch.sin(2 * math.pi * x / 20) + noise(0.01, 3, 128, 128)
    right = 0.5 + noise(0.02, 3, 128, 128, seed=1)
    assert left.var() < right.var()
    collected = NoisePatches.collect([left, right], size=32, share=0.4)
    assert collected.patches.std() == pytest.approx(0.02, rel=0.05)


def test_dark_and_bright_crops_are_left_out() -> None:
    dark, bright, middle = (torch.full((3, 64, 64), level).double() for level in (0.03, 0.97, 0.5))
    bright[:2] = 0.5  # one channel is enough
    collected = NoisePatches.collect([dark, bright, (middle + noise(0.02, 3, 64, 64))], size=32, share=1.0)
    assert len(collected.patches) == 9
    assert collected.patches.std() == pytest.approx(0.02, rel=0.05)
    with pytest.raises(
        ValueError, match="found no crop of 32x32 pixels to use: all are too dark, too bright or constant"
    ):
        NoisePatches.collect([dark, bright], size=32)


def test_at_most_so_many_are_the_flattest() -> None:
    photos = [
        degraders.degrade_ntire(photo, generator=units.generator(i))
        for i, photo in enumerate(data.photos("degraded").values())
    ]
    every, few = (NoisePatches.collect(photos, share=0.05, most=most).patches for most in (1000, 8))
    assert torch.equal(every[:8], few)
    assert len(every) > 8


def test_a_folder_with_bad_files(tmp_path) -> None:
    for i in range(2):
        images.write(tmp_path / f"{i}.png", (0.5 + noise(0.05, 3, 64, 80, seed=i)).clamp(0, 1))
    images.write(tmp_path / "small.png", torch.rand(3, 20, 90))
    (tmp_path / "bad.png").write_text("not an image")
    collected = NoisePatches.collect(tmp_path, size=32, share=1.0)
    assert len(collected.patches) == 2 * 3 * 4
    assert [line.split(": ")[0] for line in collected.skipped] == [
        str(tmp_path / "bad.png"),
        str(tmp_path / "small.png"),
    ]
    assert "90x20 pixels, expected at least 32x32" in collected.skipped[1]
    with pytest.raises(
        ValueError,
        match="found no crop of 128x128 pixels to use: 4 of 4 images were left out, the first: .*0.png: "
        "80x64 pixels",
    ):
        NoisePatches.collect(tmp_path, size=128)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (5, 9)])
def test_on_a_small_image_it_is_a_piece_of_one_patch_as_it_was(height, width) -> None:
    patches = torch.arange(4 * 3 * 16 * 16).view(4, 3, 16, 16) / 1e4
    drawn = NoisePatches(patches).noise(torch.zeros(20, 3, height, width), units.generator(0))
    for piece in drawn:
        k, _, top, left = (patches == piece[0, 0, 0]).nonzero()[0].tolist()
        assert torch.equal(piece, patches[k, :, top : top + height, left : left + width])
    assert len({float(piece[0, 0, 0]) for piece in drawn}) >= 4


@pytest.mark.parametrize(("height", "width"), [(20, 29), (17, 8), (9, 8)])
def test_on_a_large_image_every_pixel_has_the_variance_of_a_patch(height, width) -> None:
    n = 3000
    patches = noise(1.0, 2000, 3, 8, 8).float()
    drawn = NoisePatches(patches).noise(torch.zeros(n, 3, height, width), units.generator(1))
    variance = drawn.square().mean((0, 1))
    # 3 n values a pixel, their squares with deviation sqrt(2); the patches themselves are off by as little
    limit = 5 * math.sqrt(2 / (3 * n))
    assert (variance - patches.square().mean()).abs().max() < limit


def test_on_a_large_image_correlation_and_direction_are_kept() -> None:
    """The NTIRE-like grain runs along one diagonal only; flipped patches would even the two out."""
    grain = NTIRE()
    patches = grain.noise(torch.zeros(200, 3, 64, 64), units.generator(0))
    drawn = NoisePatches(patches).noise(torch.zeros(1, 3, 700, 600), units.generator(1)).double()
    truth = grain.covariance(64, 64)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2)):
        moved = drawn.roll((-dy, -dx), (2, 3))[..., 2:-2, 2:-2]
        found = (drawn[..., 2:-2, 2:-2] * moved).mean() / drawn.square().mean()
        expected = truth.diagonal()[dy, dx].mean() / truth.diagonal()[0, 0].mean()
        assert found == pytest.approx(expected.item(), abs=0.02)


@pytest.mark.parametrize("shape", [(2, 3, 7, 7), (2, 1, 8, 8), (0, 3, 8, 8), (2, 3, 8, 6), (3, 8, 8)])
def test_bad_patches(shape) -> None:
    with pytest.raises(ValueError, match="patches must be"):
        NoisePatches(torch.zeros(shape))


@pytest.mark.parametrize("changes", [{"size": 7}, {"size": 0}, {"share": 0.0}, {"share": 1.5}, {"most": 0}])
def test_bad_settings(changes) -> None:
    with pytest.raises(ValueError, match="size must be even, share in"):
        NoisePatches.collect([torch.zeros(3, 64, 64)], **changes)
