"""What each level of a conditional flow is told about the image: the encoder's maps, and convolutions of them at low resolution."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .rrdb import Features


class LevelFeatures(NamedTuple):
    """The condition of one level: ``local`` (B, C, H, W) at the level's resolution, and ``taps`` (B, T, H/f, W/f), which stand
    for their nearest-neighbour upsampling by the whole number f > 1. At other levels they are part of ``local``, and T = 0."""

    local: Tensor
    taps: Tensor


def level_features(features: Features, scale: int, levels: int) -> list[LevelFeatures]:
    """The maps of the encoder that each level is told: of its resolution where there is one, else averaged down.

    Args:
        features: of a low-resolution image whose sides are 1/scale of the image that is modelled.
        scale: a power of two.
        levels: number of levels; level l works at 1/2^l.
    """
    found = []
    for level in range(1, levels + 1):
        if 2**level < scale:
            found.append(LevelFeatures(features.ups[(scale >> level).bit_length() - 2], features.taps))
        else:
            down = 2**level // scale
            local = torch.cat((F.avg_pool2d(features.last, down), features.taps[:, :, ::down, ::down]), 1)
            found.append(LevelFeatures(local, features.taps[:, :0, ::down, ::down]))
    return found


def conv_of_upsampled(x: Tensor, weight: Tensor, factor: int) -> Tensor:
    """``conv2d(nearest_upsample(x, factor), weight, padding=1)`` for a 3x3 weight, without upsampling. Exact, borders included.

    The three rows a kernel covers lie in one or two rows of x, so that neighbouring kernel rows can be added up beforehand:
    5 x 5 products per value of x and output channel instead of 9 * factor^2.

    Args:
        x: (B, C, h, w).
        weight: (O, C, 3, 3).
        factor: at least 1.

    Returns:
        (B, O, factor*h, factor*w)
    """
    if factor == 1:
        return F.conv2d(x, weight, padding=1)
    padded = F.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    pieces = {}
    for i, rows in enumerate(_folded(weight, 2, factor)):
        for j, kernel in enumerate(_folded(rows, 3, factor)):
            # a first row also sees the row above, a last one the row below; what is in between only its own
            top, left = (0 if i == 0 else 1), (0 if j == 0 else 1)
            window = padded[:, :, top : top + height + kernel.shape[2] - 1, left : left + width + kernel.shape[3] - 1]
            pieces[i, j] = F.conv2d(window, kernel)
    kinds = [0, *[2] * (factor - 2), 1]
    return F.pixel_shuffle(torch.stack([pieces[i, j] for i in kinds for j in kinds], 2).flatten(1, 2), factor)


def _folded(weight: Tensor, dim: int, factor: int) -> list[Tensor]:
    """The kernel along one dimension for the first, the last and (if there are any) the inner positions of a block."""
    before, here, after = weight.split(1, dim)
    first = torch.cat((before, here + after), dim)
    last = torch.cat((before + here, after), dim)
    return [first, last] if factor == 2 else [first, last, before + here + after]
