"""One image at several sizes, as MATLAB and 8-bit files would have it: the published preparation of training
data.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..images import resize


def scale_pyramid(image: Tensor, scales: Sequence[int]) -> dict[int, Tensor]:
    """An image at 1/scale of its size for each scale, each made from the original.

    The image is cut at the bottom and on the right to multiples of the largest scale, for every scale, so
    that all sizes show the same. Each size is MATLAB's bicubic ``imresize`` of 8-bit pixels: rows first,
    rounded to 8 bits, then columns, rounded again (halves to the even level).

    Args:
        image: (3, H, W) in [0, 1]; rounded to 8 bits first.
        scales: whole numbers.

    Returns:
        scale -> (3, h, w) in [0, 1], 8-bit levels, float32.
    """
    check_scales(scales)
    largest = max(scales)
    height, width = (side // largest * largest for side in image.shape[1:])
    if not height or not width:
        found = f"{image.shape[2]}x{image.shape[1]} pixels"
        raise ValueError(f"{found}, expected at least {largest}x{largest} for scale {largest}")
    # float64: weights of powers of two are exact in it, so that halves are halves
    pixels = (image[:, :height, :width].double() * 255).round()
    return {scale: (_shrunk(pixels, height // scale, width // scale) / 255).float() for scale in scales}


def check_scales(scales: Sequence[int]) -> None:
    if (
        not scales
        or any(isinstance(s, bool) or s != int(s) or s < 1 for s in scales)
        or len(set(scales)) < len(scales)
    ):
        found = " ".join(map(str, scales)) or "none"
        raise ValueError(f"scales must be different whole numbers from 1 on, got {found}")


def _shrunk(pixels: Tensor, height: int, width: int) -> Tensor:
    """(3, H, W) in 0..255 -> (3, height, width), rounded after each axis."""
    for size in ((height, pixels.shape[2]), (height, width)):
        pixels = resize(pixels, size=size).clamp(0, 255).round()
    return pixels
