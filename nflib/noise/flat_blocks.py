"""Where images are flat, there is little but noise: the place to measure it without pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain import GaussianBlur
from ..images.empty_parts import constant_parts, empty_parts, is_empty

# A block's own variance would not do: where noise depends on the signal it picks the blocks with the weakest
# noise.
BLUR = 2.5
# Nearer to black or white the noise is clipped.
DARKEST, BRIGHTEST = 0.06, 0.94
# If more of degraded photos is constant, these are borders or backgrounds, and so they are in clean ones.
CONSTANT = 0.01
# Flat blocks are looked for in so many ranges of brightness, or most would be dark.
RANGES = 5


def flat_blocks(images: Tensor, side: int, share: float, *, constant: bool = True) -> Tensor:
    """Which blocks vary least after a blur: the same share of the blocks of every range of brightness.

    Args:
        images: (N, 3, H, W) in [0, 1].
        side: of the blocks in pixels; H and W are multiples of it.
        share: in (0, 1]; 1 is all blocks, dark and bright ones too.
        constant: leave out blocks parts of which are constant, as those are that are saturated, as long as
            there are others.

    Returns:
        A mask (N, H/side, W/side).

    Raises:
        ValueError: the share is out of range, or no block is neither dark nor bright.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of flat blocks must be in (0, 1], got {share}")
    if share == 1:
        return torch.ones(
            len(images), *(n // side for n in images.shape[2:]), dtype=torch.bool, device=images.device
        )
    means, spreads, empty = [], [], []
    for part in images.split(64):
        means.append(F.avg_pool2d(part, side))
        empty.append(is_empty(empty_parts(part, constant=constant), side))
        smooth = GaussianBlur(BLUR)(part)
        spreads.append((F.avg_pool2d(smooth.square(), side) - F.avg_pool2d(smooth, side).square()).mean(1))
    mean, spread = torch.cat(means), torch.cat(spreads).flatten()
    brightness = torch.where(
        (mean.amin(1) > DARKEST) & (mean.amax(1) < BRIGHTEST), mean.mean(1), torch.nan
    ).flatten()
    usable = brightness.isfinite()
    full = usable & ~torch.cat(empty).flatten()
    usable = (full if full.any() else usable).nonzero()[:, 0]
    if not len(usable):
        raise ValueError(f"no block of {side}x{side} pixels is neither dark nor bright")
    chosen = torch.zeros_like(brightness, dtype=torch.bool)
    for one in usable[brightness[usable].argsort(stable=True)].tensor_split(RANGES):
        chosen[one[spread[one].argsort(stable=True)[: max(round(share * len(one)), 1)]]] = True
    return chosen.view(mean[:, 0].shape)


def has_borders(degraded: Tensor) -> bool:
    """Whether degraded images (N, 3, H, W) have parts that are constant: then those of clean images are not
    surfaces without noise, but borders or backgrounds.
    """
    shares = [constant_parts(part).float().mean().item() * len(part) for part in degraded.split(64)]
    return sum(shares) > CONSTANT * len(degraded)
