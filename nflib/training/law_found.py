"""Finding the law of a noise, and how far what it says may be off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.folders import Source
from ..images.jpeg import JPEG
from ..models import NoiseLaw, NoiseLawConfig
from ..noise import (
    Excess,
    FlatWindows,
    SeenContent,
    colour_filter,
    flat_windows_and_even,
    photo_strengths,
)
from ..noise.jackknife import Scatter, jackknife
from ..noise.variogram import LAGS, normalised, sill
from ..noise.windows import SHARE, SIDE, usual_side
from .last_stage import known_stage
from .law_before_stage import before_stage
from .photo_stream import PhotoStream

NEIGHBOURS = {"right": (0, 1), "down": (1, 0), "diagonal": (1, 1), "antidiagonal": (1, -1)}
"""Name of a neighbour -> how far it is down and to the right."""
# A correlation between colours that is not twice its standard error is chance.
SURE = 2.0
# With fewer photos than this on a side the intervals are wide, and it is said.
MANY_PHOTOS = 6


class Estimate(NamedTuple):
    """A number, or several, and the 95 % interval by the choice of photos.

    >>> Estimate(torch.tensor([0.05]), interval=None).value
    tensor([0.0500])

    Attributes:
        value: of any shape.
        interval: lowest and highest, (2, ...); None where a folder has less than two photos.
    """

    value: Tensor
    interval: Tensor | None


@dataclass(frozen=True)
class LawFound:
    """What :func:`find_law` found. All deviations are in units of the image range and of the noise before the
    last stage.

    >>> grey = [torch.full((3, 128, 128), 0.5)] * 2
    >>> generator = torch.Generator().manual_seed(0)
    >>> noisy = [photo + 0.1 * torch.randn(photo.shape, generator=generator) for photo in grey]
    >>> [round(level, 2) for level in find_law(grey, noisy, last_stage="none").level.value.tolist()]
    [0.1, 0.1, 0.1]

    Attributes:
        law: a degrader like other models.
        level: deviation of the noise in each channel, over all colours of the degraded photos, (3,).
        deviation: of the noise by value, at the knots of the law, (3, knots).
        neighbours: correlation of a pixel with each of :data:`NEIGHBOURS`, mean of the channels, (4,).
        content: deviation of clean photos in their flat windows, (3,). The smaller the noise is beside it,
            the less can be known.
        photos: how many clean and degraded ones have windows in which it was found.
        windows: how many clean and degraded ones.
        unseen: which channels vary no more than in clean photos, (3,).
        seen: what the degraded photos show; None if all are small.
        skipped: one line for each file that could not be used.
        remarks: what to know of it, sentences.
    """

    law: NoiseLaw
    level: Estimate
    deviation: Estimate
    neighbours: Estimate
    content: Tensor
    photos: tuple[int, int]
    windows: tuple[int, int]
    unseen: Tensor
    seen: SeenContent | None
    skipped: tuple[str, ...]
    remarks: tuple[str, ...]


@torch.no_grad()
def learn_law(clean: FlatWindows, degraded: FlatWindows) -> NoiseLaw:
    """The law of the noise that degraded windows have beyond clean ones of other scenes
    (:func:`nflib.noise.flat_windows`), if nothing comes after it.
    """
    return _law(Excess(clean, degraded), NoiseLawConfig()).float().eval()


@torch.no_grad()
def find_law(clean: Source, degraded: Source, *, last_stage: str = "auto", seed: int = 0) -> LawFound:
    """The law of the noise that degraded photos have beyond clean ones of other scenes, with intervals.

    Photos are read one at a time. Where there are few windows of 32 pixels they have 16, and a larger share
    of them is used; then, and where there are few photos, ``remarks`` say so.

    Args:
        clean, degraded: folders, or images (3, H, W) in [0, 1].
        last_stage: as for :func:`nflib.training.train_law`.
        seed: of the noise that is simulated where there is a last stage.

    Raises:
        ValueError: a folder has no usable photo, or no window that is neither too dark nor too bright.
    """
    sides = PhotoStream(clean), PhotoStream(degraded)
    stage = known_stage(last_stage, clean, degraded)
    side = usual_side(*(photos.sizes for photos in sides))
    # JPEG makes constant blocks out of weak noise. Without it they are backgrounds or borders; of clean
    # photos too, if degraded ones have such.
    degraded_windows = _windows(sides[1], side, None, constant=stage is None)
    bordered = stage is None and degraded_windows[0].bordered
    clean_windows = _windows(sides[0], side, stage, constant=bordered)
    windows, even = zip(clean_windows, degraded_windows)
    seen = Excess(*windows)
    law = _law(seen, NoiseLawConfig(last_stage="" if stage is None else str(stage)))
    if stage is not None:
        before_stage(law, seen, sides[0], stage, side=side, seed=seed)
    law.spread.copy_(torch.tensor(photo_strengths(Excess(*even, unit=seen.variance()))))
    remarks = _remarks(windows)
    return LawFound(
        law=law.float().eval(),
        **_estimates(law, seen, sides[1].colours),
        content=windows[0].variances.mean(0).sqrt(),
        photos=(len(windows[0].photo.unique()), len(windows[1].photo.unique())),
        windows=(len(windows[0].photo), len(windows[1].photo)),
        unseen=~(seen.variance() > 0).any(1),
        seen=sides[1].seen,
        skipped=tuple(line for photos in sides for line in photos.skipped),
        remarks=remarks,
    )


def _windows(
    photos: PhotoStream, side: int, stage: JPEG | None, *, constant: bool
) -> tuple[FlatWindows, FlatWindows]:
    def read(number: int) -> Tensor:
        photo = photos.read(number)
        return photo if stage is None or not photo.numel() else stage(photo)

    try:
        return flat_windows_and_even(read, len(photos), side=side, constant=constant)
    except ValueError as error:
        raise ValueError(f"{photos.name}: {len(photos)} photos can be read; {error}") from None


def _law(seen: Excess, config: NoiseLawConfig) -> NoiseLaw:
    """The law of what was seen, as if it were before no stage."""
    law, gram = NoiseLaw(config).double(), seen.variogram()
    scatter = jackknife(lambda *without: _colours(seen.variogram(*without)), *seen.groups)
    taps = colour_filter(gram * _sure(_colours(gram), scatter))
    # how strong the filter makes it, without the negative powers that it left out: these are content
    power = taps.square().sum((1, 2, 3))
    law.set(variance=(seen.variance() * power[:, None]).clamp(min=0), taps=taps)
    return law


def _colours(gram: Tensor) -> Tensor:
    """Correlation between the colours of a noise with this variogram, (3, 3)."""
    return sill(normalised(gram))


def _sure(correlation: Tensor, scatter: Scatter | None) -> Tensor:
    """By what to multiply what colours have in common, so that chance goes away and nothing else does."""
    if scatter is None:
        return torch.ones_like(correlation)
    chance = (SURE * scatter.error / correlation.abs().clamp(min=1e-6)).square()
    return (1 - chance).clamp(min=0).fill_diagonal_(1)


def _estimates(law: NoiseLaw, seen: Excess, colours: Tensor) -> dict[str, Estimate]:
    """Level, curves and neighbours of the law, with intervals: as far as what was seen scatters, in
    proportion."""

    def power(*without: int | None) -> Tensor:
        return seen.variance(*without) * sill(seen.variogram(*without)).diagonal()[:, None]

    def related(*without: int | None) -> Tensor:
        gram = normalised(seen.variogram(*without)).diagonal(dim1=-2, dim2=-1).mean(-1)
        return 1 - torch.stack([gram[LAGS + dy, LAGS + dx] for dy, dx in NEIGHBOURS.values()])

    factor = law.variance.double().sum(1, keepdim=True) / power().sum(1, keepdim=True).clamp(min=1e-12)
    colours = colours.double()

    def deviation(of: Callable[..., Tensor]) -> Estimate:
        value, scatter = of().clamp(min=0), jackknife(of, *seen.groups)
        interval = None
        if scatter is not None:
            half = scatter.half_width
            interval = torch.stack((value - half, value + half)).clamp(min=0).sqrt()
        return Estimate(value.sqrt(), interval)

    scatter, value = jackknife(related, *seen.groups), _neighbours(law)
    half = None if scatter is None else scatter.half_width
    return {
        "level": deviation(lambda *without: (factor * power(*without) * colours).sum(1)),
        "deviation": deviation(lambda *without: factor * power(*without)),
        "neighbours": Estimate(
            value, None if half is None else torch.stack((value - half, value + half)).clamp(-1, 1)
        ),
    }


def _neighbours(law: NoiseLaw) -> Tensor:
    """Correlation with each of NEIGHBOURS, mean of the channels, (4,)."""
    correlation = law.correlation(1).diagonal().mean(-1)
    return torch.stack([correlation[1 + dy, 1 + dx] for dy, dx in NEIGHBOURS.values()])


def _remarks(windows: tuple[FlatWindows, ...]) -> tuple[str, ...]:
    found = []
    side = windows[0].pixels.shape[-1]
    if side < SIDE:
        share = max(one.share for one in windows)
        found.append(
            f"few photos or small ones: windows have {side} pixels, and as many as {share:.0%} of them are "
            f"used; the usual is {SIDE} and {SHARE:.0%}"
        )
    photos = [len(one.photo.unique()) for one in windows]
    if min(photos) < MANY_PHOTOS:
        found.append(
            f"windows are from {photos[0]} clean and {photos[1]} degraded photos only: intervals are wide"
            + (", or unknown" if min(photos) < 2 else "")
        )
    return tuple(found)
