"""Flat windows of many photos of any sizes: pieces in which there is little but noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain import GaussianBlur
from ..images.empty_parts import clipped_parts, constant_parts, is_empty
from ..images.strips import around, strips
from .flat_blocks import BLUR, BRIGHTEST, CONSTANT, DARKEST, RANGES

SIDE, SHARE = 32, 0.06
# Where there are fewer windows than this, they are made smaller.
ENOUGH, SMALL_SIDE = 1000, 16
# A folder with few windows gives a larger share of them: fewer say nothing about a correlation. As many
# pixels of smaller windows.
FEWEST = 40
# More than this are not kept, whatever the share: 48 MB. So many are looked at; of more, every second, every
# fourth and so on.
MOST, CANDIDATES = 2000, 400_000
# Of every photo, where all have a say.
EACH = 8


class FlatWindows(NamedTuple):
    """What :func:`flat_windows` found.

    >>> photo = torch.full((3, 64, 96), 0.5)
    >>> flat_windows(lambda number: photo, 2).pixels.shape
    torch.Size([12, 3, 32, 32])

    Attributes:
        pixels: (M, 3, side, side), float64.
        photo: (M,), the number of the photo that each window is from.
        share: of all windows that are neither too dark nor too bright, how many these are.
        constant: of all windows in this range, how many are constant in parts.
    """

    pixels: Tensor
    photo: Tensor
    share: float
    constant: float = 0.0

    @property
    def colours(self) -> Tensor:
        """Mean colour of each window, (M, 3)."""
        return self.pixels.mean((2, 3))

    @property
    def bordered(self) -> bool:
        """Whether constant windows are borders or backgrounds, as far as degraded photos tell: then those of
        clean photos are not to count either.
        """
        return self.constant > CONSTANT

    @property
    def variances(self) -> Tensor:
        """Variance within each window, (M, 3)."""
        return self.pixels.var((2, 3))


def usual_side(*folders: Sequence[tuple[int, int]]) -> int:
    """The side of windows for photos of these sizes (height, width): 32 pixels, or 16 if one of the folders
    has fewer than 1,000 such windows.
    """
    fewest = min(sum((h // SIDE) * (w // SIDE) for h, w in sizes) for sizes in folders)
    return SIDE if fewest >= ENOUGH else SMALL_SIDE


def flat_windows(
    read: Callable[[int], Tensor],
    count: int,
    *,
    side: int = SIDE,
    share: float = SHARE,
    constant: bool = False,
) -> FlatWindows:
    """The windows of a grid that vary least after a blur, equally many of every range of brightness.

    Photos are read one at a time, and twice: once to choose, once to cut. Those smaller than a window have
    none. Memory does not grow with their number: at most 2,000 windows are kept, of at most 400,000
    candidates.

    Args:
        read: number of a photo, from 0 -> (3, H, W) in [0, 1].
        count: how many photos there are.
        side: of the windows in pixels.
        share: of all windows, in (0, 1]; of few photos more are taken, up to 40 windows of 32 pixels, or as
            many pixels of smaller ones.
        constant: leave out windows parts of which are constant. Saturated ones are always left out, both as
            long as there are others.

    Raises:
        ValueError: no window is neither too dark nor too bright.
    """
    found = _candidates(read, count, side, constant=constant)
    kept, share = _flattest(found, side, share)
    return _windows(read, side, found, [(kept, share)])[0]


def flat_windows_and_even(
    read: Callable[[int], Tensor],
    count: int,
    *,
    side: int = SIDE,
    share: float = SHARE,
    constant: bool = False,
) -> tuple[FlatWindows, FlatWindows]:
    """:func:`flat_windows`, and beside them the flattest of every photo, however textured it is: eight of
    each, of at most 250 photos, evenly taken. Where the first are all from few photos the second say what the
    others are like.
    """
    found = _candidates(read, count, side, constant=constant)
    kept, share = _flattest(found, side, share)
    each = _flattest_of_each(found)
    flat, even = _windows(read, side, found, [(kept, share), (each, len(each) / len(found.spread))])
    return flat, even


class _Candidates(NamedTuple):
    """Windows that are neither too dark nor too bright: variance after a blur, brightness, photo, and number
    in it, (N,) each.
    """

    spread: Tensor
    light: Tensor
    photo: Tensor
    number: Tensor
    constant: float = 0.0


def _flattest(found: _Candidates, side: int, share: float) -> tuple[Tensor, float]:
    """Which windows vary least, in every range of brightness, and which share of all that is."""
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    fewest = FEWEST * (SIDE / side) ** 2
    share = min(max(share, fewest / len(found.spread)), MOST / len(found.spread), 1.0)
    chosen = []
    for one in found.light.argsort(stable=True).tensor_split(RANGES):
        chosen.append(one[found.spread[one].argsort(stable=True)[: max(round(share * len(one)), 1)]])
    return torch.cat(chosen).sort().values, share


def _flattest_of_each(found: _Candidates) -> Tensor:
    photos = found.photo.unique()
    photos = photos[:: math.ceil(len(photos) * EACH / MOST)]
    chosen = []
    for photo in photos.tolist():
        mine = (found.photo == photo).nonzero()[:, 0]
        chosen.append(mine[found.spread[mine].argsort(stable=True)[:EACH]])
    return torch.cat(chosen).sort().values


def _windows(read, side: int, found: _Candidates, choices: list) -> list[FlatWindows]:
    """Cut several choices of windows out of their photos, each of which is read once."""
    pixels: list[list[Tensor]] = [[] for _ in choices]
    for i in torch.cat([found.photo[kept] for kept, _ in choices]).unique().tolist():
        photo = read(i)
        for pieces, (kept, _) in zip(pixels, choices):
            pieces += _cut(photo, side, found.number[kept[found.photo[kept] == i]].tolist())
    return [
        FlatWindows(torch.stack(pieces).double(), found.photo[kept], share, found.constant)
        for pieces, (kept, share) in zip(pixels, choices)
    ]


def _candidates(
    read: Callable[[int], Tensor], count: int, side: int, *, constant: bool, full: bool = True
) -> _Candidates:
    """Those of all photos, evenly thinned to CANDIDATES; without empty ones, if ``full`` and others are
    there.
    """
    if side < 2:
        raise ValueError(f"side must be at least 2, got {side}")
    found = torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.long)
    places, seen, stride = torch.zeros(0, dtype=torch.long), 0, 1
    in_range = alike = 0
    for i in range(count):
        spread, light, clipped, same = _statistics(read(i), side)
        usable = light.isfinite()
        in_range, alike = in_range + int(usable.sum()), alike + int((usable & same).sum())
        if full:
            usable = usable & ~(clipped | same if constant else clipped)
        usable = usable.nonzero()[:, 0]
        place = seen + torch.arange(len(usable))
        seen += len(usable)
        taken = place % stride == 0
        usable, place = usable[taken], place[taken]
        values = torch.stack((spread[usable], light[usable]))
        names = torch.stack((torch.full_like(usable, i), usable))
        found = torch.cat((found[0], values), 1), torch.cat((found[1], names), 1)
        places = torch.cat((places, place))
        while len(places) > CANDIDATES:
            stride *= 2
            taken = places % stride == 0
            found, places = (found[0][:, taken], found[1][:, taken]), places[taken]
    if not len(places) and in_range:
        return _candidates(read, count, side, constant=constant, full=False)
    if not len(places):
        raise ValueError(f"no window of {side}x{side} pixels is neither too dark nor too bright")
    (spread, light), (photo, number) = found
    return _Candidates(spread, light, photo, number, alike / in_range)


def _statistics(image: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Variance after a blur and brightness (NaN if too dark or too bright) of each window, row by row; and
    whether parts of it are clipped or constant.
    """
    if min(image.shape[1:]) < side:
        return torch.zeros(0), torch.zeros(0), torch.zeros(0).bool(), torch.zeros(0).bool()
    height, reach = image.shape[1] // side * side, math.ceil(4 * BLUR)
    means, spreads, clipped, alike = [], [], [], []
    for rows in strips(height, image.shape[2], multiple=side):
        wider, above, _ = around(rows, reach, image.shape[1])
        smooth = GaussianBlur(BLUR)(image[None, :, wider].float())
        # the variance is a small difference
        smooth = smooth.narrow(2, reach - above, rows.stop - rows.start).double()
        strip = image[None, :, rows].float()
        means.append(F.avg_pool2d(strip, side)[0])
        square = F.avg_pool2d(smooth, side).square()
        spreads.append((F.avg_pool2d(smooth.square(), side) - square).mean(1)[0])
        clipped.append(is_empty(clipped_parts(strip), side)[0])
        alike.append(is_empty(constant_parts(strip), side)[0])
    mean = torch.cat(means, 1)
    usable = (mean.amin(0) > DARKEST) & (mean.amax(0) < BRIGHTEST)
    light = torch.where(usable, mean.mean(0), torch.nan).flatten()
    return (
        torch.cat(spreads).flatten().float(),
        light,
        torch.cat(clipped).flatten(),
        torch.cat(alike).flatten(),
    )


def _cut(image: Tensor, side: int, numbers: Sequence[int]) -> list[Tensor]:
    columns = image.shape[2] // side
    corners = ((number // columns * side, number % columns * side) for number in numbers)
    return [image[:, top : top + side, left : left + side].clone() for top, left in corners]
