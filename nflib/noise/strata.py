"""Do two sets of images have the same noise in dark and bright, flat and textured places? Without pairs.

Where an image is flat there is little but noise, but a model can be right there and wrong elsewhere. What a
blur leaves of an image hardly depends on the noise, so it says alike in both sets which places are of a kind:
strata of brightness and texture. In each the spectra are compared, and how much the photos themselves differ
says how much a difference counts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..domain import GaussianBlur
from ..images.empty_parts import empty_parts, is_empty
from .flat_blocks import BLUR, BRIGHTEST, DARKEST

WINDOW = 16
# Ranges of brightness, and of texture in each.
PARTS = 3
# Windows that a stratum needs on both sides to say anything.
FEWEST = 8
# In dB: no difference is known better than this; and the least power, below that of rounding to 8 bits.
KNOWN, LEAST = 0.5, 1e-7
TOGETHER = 64


class StrataError(NamedTuple):
    """What :func:`strata_error` found, in dB.

    >>> photos = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> strata_error(photos, photos).total
    0.0

    Attributes:
        spectrum: difference of the spectra, root mean square over frequencies, channels and strata, weighted.
        strength: the same of the strengths of the strata.
        strengths: how much stronger the noise is in fake ones, (3, 3), or (1, 1) of few images: the mean of a
            stratum's differences; rows from dark to bright, columns from flat to textured; NaN where there
            are too few windows.
    """

    spectrum: float
    strength: float
    strengths: Tensor

    @property
    def total(self) -> float:
        return self.spectrum + self.strength


class _Windows(NamedTuple):
    """Power (N, 3, 16, 9), brightness, texture and photo of windows, (N,) each."""

    power: Tensor
    brightness: Tensor
    texture: Tensor
    photo: Tensor


@torch.no_grad()
def strata_error(fake: Tensor, real: Tensor, photo: Tensor | None = None) -> StrataError:
    """How much the noise of images differs from that of others with other content.

    A difference in a stratum is weighted by what is known of it: the jackknife over the real photos gives its
    variance, since content that differs from photo to photo makes spectra differ without any fault of the
    noise.

    Args:
        fake: (N, 3, H, W) in [0, 1], sides at least 16.
        real: (M, 3, H', W'), the same.
        photo: of which photo each real image is, (M,), whole numbers; by default each is a photo of its own.

    Raises:
        ValueError: images too small.
    """
    numbers = torch.arange(len(real)) if photo is None else photo
    ours = _windows("fake", fake, torch.zeros(len(fake)))
    true = _windows("real", real, numbers.to(torch.float))
    parts = PARTS if min(len(side.photo) for side in (ours, true)) >= FEWEST * PARTS**3 else 1
    dark = _edges(true.brightness, parts)
    strata = [torch.bucketize(side.brightness, dark) * parts for side in (ours, true)]
    for row in range(parts):
        inside = [part // parts == row for part in strata]
        flat = _edges(true.texture[inside[1]], parts)
        for side, part, chosen in zip((ours, true), strata, inside):
            part[chosen] += torch.bucketize(side.texture[chosen], flat)
    found = torch.full((parts**2,), torch.nan)
    square, level, total = [torch.zeros(parts**2) for _ in range(3)]
    for number in range(parts**2):
        mine, theirs = ours.power[strata[0] == number], true.power[strata[1] == number]
        if parts > 1 and min(len(mine), len(theirs)) < FEWEST:
            continue
        difference, weight = _compared(mine, theirs, true.photo[strata[1] == number])
        total[number] = weight.sum()
        square[number] = (weight * difference.square()).sum()
        found[number] = (weight * difference).sum() / weight.sum()
        level[number] = weight.sum() * found[number].square()
    spectrum, strength = ((part.sum() / total.sum()).sqrt().item() for part in (square, level))
    return StrataError(spectrum, strength, found.view(parts, parts))


def _compared(fake: Tensor, real: Tensor, photo: Tensor) -> tuple[Tensor, Tensor]:
    """Difference of mean powers in dB, and its weight: one over its variance."""
    difference = _decibels(fake.mean(0)) - _decibels(real.mean(0))
    left_out = torch.stack(
        [_decibels(real[photo != one].mean(0)) for one in photo.unique() if (photo != one).any()]
        or [_decibels(real.mean(0))]
    )
    count = len(left_out)
    variance = (left_out - left_out.mean(0)).square().sum(0) * (count - 1) / count
    # the fake ones are of photos too, that differ as much
    return difference, 1 / (2 * variance + KNOWN**2)


def _decibels(power: Tensor) -> Tensor:
    return 10 * power.clamp(min=LEAST).log10()


def _edges(values: Tensor, parts: int) -> Tensor:
    """What divides values into parts of one size."""
    if not len(values):
        return torch.zeros(parts - 1)
    return values.sort().values[[len(values) * part // parts for part in range(1, parts)]]


def _windows(name: str, images: Tensor, photo: Tensor) -> _Windows:
    """Those that are neither too dark nor too bright, nor saturated or constant in parts; if there are none,
    all.
    """
    if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[2:]) < WINDOW:
        raise ValueError(
            f"{name} must be (N, 3, H, W), at least {WINDOW}x{WINDOW}, got {tuple(images.shape)}"
        )
    found, usable = [], []
    for part, numbers in zip(images.detach().cpu().float().split(TOGETHER), photo.cpu().split(TOGETHER)):
        pieces, smooth = _cut(part), _cut(GaussianBlur(BLUR)(part))
        colours = smooth.mean((2, 3))
        in_range = (colours.amin(1) > DARKEST) & (colours.amax(1) < BRIGHTEST)
        usable.append(in_range & ~is_empty(empty_parts(part), WINDOW).flatten())
        waves = torch.fft.rfft2(pieces - pieces.mean((2, 3), keepdim=True))
        each = numbers.repeat_interleave(len(pieces) // len(part))
        texture = smooth.var((2, 3)).mean(1)
        found.append(_Windows(waves.abs().square() / WINDOW**2, colours.mean(1), texture, each))
    chosen = torch.cat(usable) if any(part.any() for part in usable) else slice(None)
    return _Windows(*(torch.cat(parts)[chosen] for parts in zip(*found)))


def _cut(images: Tensor) -> Tensor:
    """(B, 3, H, W) -> (N, 3, 16, 16)."""
    pieces = images.unfold(2, WINDOW, WINDOW).unfold(3, WINDOW, WINDOW)
    return pieces.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
