"""Parts of images in which nothing is to be seen: saturated ones, such as a white background, and constant
ones, such as a border. There is no noise in them, so they say nothing about one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .strips import strips

# So near to black or white, in units of the image range, a value is clipped: two 8-bit levels.
CLIPPED = 2.5 / 255
# A clipped part has at least this many pixels squared: single ones may be clipped by the noise itself. A
# constant one is larger than a block of JPEG, which makes constant blocks out of weak noise.
LEAST_CLIPPED, LEAST_CONSTANT = 3, 9
# Of a piece of an image so much may be empty before it does not count.
EMPTY_SHARE = 0.05


def clipped_parts(images: Tensor) -> Tensor:
    """Where images (B, C, H, W) in [0, 1] are black or white in a channel, 3x3 pixels at least: a mask
    (B, H, W).
    """
    clipped = (images <= CLIPPED) | (images >= 1 - CLIPPED)
    if not clipped.any():
        return clipped[:, 0]
    return _grown(_lowest(clipped.to(torch.float32), LEAST_CLIPPED) > 0, LEAST_CLIPPED)


def constant_parts(images: Tensor) -> Tensor:
    """Where all pixels of images (B, C, H, W) are equal, 9x9 of them at least: a mask (B, H, W)."""
    images = images.float()
    lowest, highest = _lowest(images, LEAST_CONSTANT), -_lowest(-images, LEAST_CONSTANT)
    return _grown((lowest == highest).all(1, keepdim=True), LEAST_CONSTANT)


def empty_parts(images: Tensor, *, constant: bool = True) -> Tensor:
    """Where images (B, C, H, W) in [0, 1] are clipped or constant: a mask (B, H, W).

    >>> photo = torch.rand(1, 3, 8, 8) * 0.8 + 0.1
    >>> photo[..., 5:] = 1  # a white background
    >>> empty_parts(photo)[0, 0].long().tolist()
    [0, 0, 0, 0, 0, 1, 1, 1]

    Args:
        constant: whether what is constant counts. In a clean image it may be a surface like others.
    """
    found = clipped_parts(images)
    return found | constant_parts(images) if constant else found


def empty_share(image: Tensor) -> tuple[float, float]:
    """Which share of an image (3, H, W) is clipped, and which is constant and not clipped."""
    clipped = constant = 0
    for rows in strips(*image.shape[1:]):
        part = image[None, :, rows]
        white, alike = clipped_parts(part), constant_parts(part)
        clipped += int(white.sum())
        constant += int((alike & ~white).sum())
    pixels = max(image[0].numel(), 1)
    return clipped / pixels, constant / pixels


def is_empty(mask: Tensor, side: int, stride: int | None = None) -> Tensor:
    """Which blocks of a mask (B, H, W) are empty: more than 5 % of their pixels. (B, rows, columns)"""
    return F.avg_pool2d(mask[:, None].float(), side, stride)[:, 0] > EMPTY_SHARE


def _lowest(x: Tensor, side: int) -> Tensor:
    """Smallest value in the square around each pixel; what lies beyond the border is not looked at."""
    return -_highest(-x, side)


def _highest(x: Tensor, side: int) -> Tensor:
    rows = F.max_pool2d(x, (side, 1), 1, (side // 2, 0))
    return F.max_pool2d(rows, (1, side), 1, (0, side // 2))


def _grown(inside: Tensor, side: int) -> Tensor:
    """Pixels (B, H, W) in the squares around those that are inside in a channel (B, C, H, W)."""
    inside = inside.any(1, keepdim=True)
    return _highest(inside.float(), side)[:, 0] > 0 if inside.any() else inside[:, 0]
