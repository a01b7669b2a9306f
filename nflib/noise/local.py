"""How strong a noise is at a place, and the most that a degrader may make."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.strips import around, strips

SIDE = 9
# The strongest is that of all but one place of a thousand, and a quarter more, since places are few.
SHARE, MARGIN = 0.999, 1.25


def local_strength(noise: Tensor) -> Tensor:
    """Root mean square of a noise in the 9x9 pixels around each, channel by channel: (B, C, H, W)."""
    square = F.avg_pool2d(noise.square(), SIDE, 1, SIDE // 2, count_include_pad=False)
    return square.clamp(min=0).sqrt()


def strongest(noise: Tensor) -> tuple[float, ...]:
    """The most that each channel of a noise (B, C, H, W) is to be taken for: what hardly any place exceeds,
    with a margin.
    """
    strength = local_strength(noise).transpose(0, 1).flatten(1).double().sort(1).values
    # to a few digits: a run that is resumed elsewhere must find the same
    return tuple(
        round(MARGIN * most, 5) for most in strength[:, int(SHARE * (strength.shape[1] - 1))].tolist()
    )


def limited(noise: Tensor, most: tuple[float, ...]) -> Tensor:
    """A noise (B, C, H, W), made weaker in all places where it is stronger than ``most``, (C,): nowhere is it
    then.
    """
    bound = torch.tensor(most, dtype=noise.dtype, device=noise.device).view(-1, 1, 1)
    height, result = noise.shape[2], torch.empty_like(noise)
    for rows in strips(height, noise.numel() // height, multiple=2 * SIDE):
        # of all places that a pixel belongs to, the one that asks for most
        wider, above, _ = around(rows, 2 * (SIDE // 2), height)
        strength = F.max_pool2d(local_strength(noise[:, :, wider]), SIDE, 1, SIDE // 2)
        strength = strength.narrow(2, 2 * (SIDE // 2) - above, rows.stop - rows.start)
        part = noise[:, :, rows]
        result[:, :, rows] = torch.where(strength > bound, part * bound / strength.clamp(min=1e-12), part)
    return result
