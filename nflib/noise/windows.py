"""Flat windows of many photos of any sizes: pieces in which there is little but noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain import GaussianBlur
from .flat_blocks import BLUR, BRIGHTEST, DARKEST, RANGES

SIDE, SHARE = 32, 0.04
# A folder with few windows gives a larger share of them: fewer say nothing about a correlation.
FEWEST = 40


class FlatWindows(NamedTuple):
    """What :func:`flat_windows` found.

    >>> photo = torch.full((3, 64, 96), 0.5)
    >>> flat_windows(lambda number: photo, 2).pixels.shape
    torch.Size([12, 3, 32, 32])

    Attributes:
        pixels: (M, 3, side, side), float64.
        photo: (M,), the number of the photo that each window is from.
        share: of all windows that are neither too dark nor too bright, how many these are.
    """

    pixels: Tensor
    photo: Tensor
    share: float

    @property
    def colours(self) -> Tensor:
        """Mean colour of each window, (M, 3)."""
        return self.pixels.mean((2, 3))


def flat_windows(
    read: Callable[[int], Tensor], count: int, *, side: int = SIDE, share: float = SHARE
) -> FlatWindows:
    """The windows of a grid that vary least after a blur, equally many of every range of brightness.

    Photos are read one at a time, and twice: once to choose, once to cut. Those smaller than a window have
    none.

    Args:
        read: number of a photo, from 0 -> (3, H, W) in [0, 1].
        count: how many photos there are.
        side: of the windows in pixels.
        share: of all windows, in (0, 1]; of few photos more are taken, up to 40 windows.

    Raises:
        ValueError: no window is neither too dark nor too bright.
    """
    if not 0 < share <= 1 or side < 2:
        raise ValueError(f"share must be in (0, 1] and side at least 2, got {share} and {side}")
    spreads, lights, photos, numbers = [], [], [], []
    for i in range(count):
        spread, light = _statistics(read(i), side)
        spreads.append(spread)
        lights.append(light)
        photos.append(torch.full((len(spread),), i))
        numbers.append(torch.arange(len(spread)))
    spread, light, photo, number = (torch.cat(part) for part in (spreads, lights, photos, numbers))
    usable = light.isfinite().nonzero()[:, 0]
    if not len(usable):
        raise ValueError(f"no window of {side}x{side} pixels is neither too dark nor too bright")
    share = min(max(share, FEWEST / len(usable)), 1.0)
    chosen = []
    for one in usable[light[usable].argsort(stable=True)].tensor_split(RANGES):
        chosen.append(one[spread[one].argsort(stable=True)[: max(round(share * len(one)), 1)]])
    kept = torch.cat(chosen).sort().values
    pixels = [
        window
        for i in photo[kept].unique().tolist()
        for window in _cut(read(i), side, number[kept[photo[kept] == i]].tolist())
    ]
    return FlatWindows(torch.stack(pixels).double(), photo[kept], share)


def _statistics(image: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Variance after a blur and brightness (NaN if too dark or too bright) of each window, row by row."""
    if min(image.shape[1:]) < side:
        return torch.zeros(0), torch.zeros(0)
    image = image[None].float()
    mean, smooth = F.avg_pool2d(image, side)[0], GaussianBlur(BLUR)(image)
    spread = (F.avg_pool2d(smooth.square(), side) - F.avg_pool2d(smooth, side).square()).mean(1)
    usable = (mean.amin(0) > DARKEST) & (mean.amax(0) < BRIGHTEST)
    return spread.flatten(), torch.where(usable, mean.mean(0), torch.nan).flatten()


def _cut(image: Tensor, side: int, numbers: Sequence[int]) -> list[Tensor]:
    columns = image.shape[2] // side
    corners = ((number // columns * side, number % columns * side) for number in numbers)
    return [image[:, top : top + side, left : left + side].clone() for top, left in corners]
