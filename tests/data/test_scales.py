import numpy as np
import pytest
import torch
from PIL import Image

from nflib.data import scale_pyramid
from tests.helpers.folders import random_images


def keys(t) -> float:
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def shrink_rows(pixels, scale) -> np.ndarray:
    """uint8 (H, W) -> uint8 (H / scale, W), a loop over outputs and inputs after the description of MATLAB's
    imresize.
    """
    height, width = pixels.shape
    out = np.zeros((height // scale, width), np.uint8)
    for i in range(height // scale):
        centre = (i + 0.5) * scale - 0.5
        total, weights = np.zeros(width), 0.0
        for j in range(-3 * scale, height + 3 * scale):
            weight = keys((centre - j) / scale)
            source = -1 - j if j < 0 else 2 * height - 1 - j if j >= height else j
            total, weights = total + weight * pixels[source], weights + weight
        out[i] = np.rint(np.clip(total / weights, 0, 255))
    return out


@pytest.mark.parametrize("scales", [(1, 2, 4), (8, 2), (1, 3)])
def test_equals_two_rounded_passes(scales) -> None:
    (image,) = random_images((51, 34))
    pixels = (255 * image).round().numpy().astype(np.uint8)
    largest = max(scales)
    height, width = 51 // largest * largest, 34 // largest * largest
    pyramid = scale_pyramid(image, scales)
    assert list(pyramid) == list(scales)
    for scale, small in pyramid.items():
        expected = [shrink_rows(shrink_rows(c[:height, :width], scale).T, scale).T for c in pixels]
        assert small.dtype == torch.float32
        np.testing.assert_array_equal((255 * small).round().numpy(), np.stack(expected))
        assert torch.equal((255 * small).round() / 255, small)


def test_rounding_after_each_axis_is_seen() -> None:
    """The published files are not those of one rounding at the end."""
    (image,) = random_images((64, 64))
    pixels = (255 * image).round() / 255
    from nflib.images import resize

    once = (255 * resize(pixels.double(), 1 / 4).clamp(0, 1)).round()
    twice = (255 * scale_pyramid(image, [4])[4]).round()
    assert (once - twice).abs().max() == 1
    assert 0.05 < (once != twice).float().mean() < 0.5


def test_agrees_with_pillow_inside() -> None:
    """Pillow rounds after each axis too, columns first, and halves upwards: turned over, never more than a
    level apart.
    """
    (image,) = random_images((48, 64))
    pixels = (255 * image).round().permute(2, 1, 0).numpy().astype(np.uint8)
    theirs = np.asarray(Image.fromarray(pixels).resize((12, 16), Image.Resampling.BICUBIC)).transpose(2, 1, 0)
    ours = (255 * scale_pyramid(image, [4])[4]).round().numpy()
    inside = np.abs(theirs.astype(int) - ours)[:, 2:-2, 2:-2]
    assert inside.max() <= 1
    assert (inside > 0).mean() < 0.05


@pytest.mark.parametrize("scales", [[], [0], [1, 1], [2.5], [-2], [True]])
def test_bad_scales(scales) -> None:
    with pytest.raises(ValueError, match="different whole numbers from 1 on"):
        scale_pyramid(torch.rand(3, 8, 8), scales)


def test_too_small() -> None:
    with pytest.raises(ValueError, match="40x7 pixels, expected at least 8x8 for scale 8"):
        scale_pyramid(torch.rand(3, 7, 40), [1, 8])
