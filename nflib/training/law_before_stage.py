"""The law of a noise before a stage that cannot be undone, such as JPEG: by simulation, until what is
simulated looks like what was seen.

The method of simulated moments, as a fixed point: the law is put on clean photos, these go through the stage,
and what their flat windows then show is compared with what those of the degraded photos showed. By the
difference the law is corrected.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..images import clipped_parts
from ..images.jpeg import JPEG
from ..models import NoiseLaw
from ..noise import FlatWindows, flat_windows
from ..noise.excess import Excess
from ..noise.variogram import colour_filter, normalised
from .photo_stream import PhotoStream

# The first corrections are almost whole; the later ones are smaller, and their mean is the answer, in which
# the chance of single simulations is less.
BOLD, CAREFUL = (0.8,) * 3, (0.4,) * 5
# A correction changes no variance by more than this factor.
LARGEST = 4.0
# Photos are simulated as long as they have not more pixels than this together; of more, squares evenly taken
# from all of them, their corners on the grid of the blocks.
MOST_PIXELS, SQUARE = 5_000_000, 256


def before_stage(
    law: NoiseLaw, seen: Excess, clean: PhotoStream, stage: JPEG, *, side: int, seed: int
) -> None:
    """The law whose noise, on clean photos and after the stage, shows what was seen: the strength of each
    channel and the variogram. How the strength depends on the colour is left as it was seen.

    Args:
        law: found as if there were no stage; it is set anew.
        seen: of the clean photos after the stage and the degraded ones.
        clean: photos without noise.
        stage: what comes after the noise.
        side: of the flat windows in pixels.
        seed: of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    photos = _photos(clean)
    reference = flat_windows(lambda i: stage(photos[i]), len(photos), side=side)
    shape = normalised(seen.variogram())
    gram, factor = shape.clone(), torch.ones(3, 1, dtype=shape.dtype)
    answers = []
    for step in (*BOLD, *CAREFUL):
        law.set(variance=factor * seen.unit, taps=colour_filter(gram))
        shown = Excess(reference, _simulated(law, photos, stage, side, generator), unit=seen.unit)
        wanted, found = (_level(one, seen) for one in (seen, shown))
        ratio = (wanted / found.clamp(min=1e-12)).clamp(1 / LARGEST, LARGEST)
        factor = factor * ratio**step
        gram = gram + step * (shape - normalised(shown.variogram()))
        answers.append((factor, gram))
    factors, grams = zip(*answers[len(BOLD) :])
    law.set(variance=torch.stack(factors).mean(0) * seen.unit, taps=colour_filter(torch.stack(grams).mean(0)))


def _level(shown: Excess, seen: Excess) -> Tensor:
    """Mean variance of the noise at the colours of the degraded windows, (3, 1)."""
    return (shown.variance() * seen.colours).sum(1, keepdim=True)


def _simulated(law: NoiseLaw, photos: list[Tensor], stage: JPEG, side: int, generator) -> FlatWindows:
    noisy = []
    for photo in photos:
        sample = law.samples(photo[None], generator=generator)[0, 0]
        # what is saturated has no noise, in a degraded photo either
        noisy.append(stage(torch.where(clipped_parts(photo[None]), photo, sample)))
    return flat_windows(lambda i: noisy[i], len(noisy), side=side)


def _photos(clean: PhotoStream) -> list[Tensor]:
    """All photos, or squares of them."""
    total = sum(height * width for height, width in clean.sizes)
    if total <= MOST_PIXELS:
        return [photo for photo in map(clean.read, range(len(clean))) if photo.numel()]
    places = [
        (number, top, left)
        for number, (height, width) in enumerate(clean.sizes)
        for top in range(0, max(height - SQUARE, 0) + 1, SQUARE)
        for left in range(0, max(width - SQUARE, 0) + 1, SQUARE)
    ]
    chosen: dict[int, list[tuple[int, int]]] = {}
    for number, top, left in places[:: math.ceil(len(places) * SQUARE**2 / MOST_PIXELS)]:
        chosen.setdefault(number, []).append((top, left))
    squares = []
    for number, corners in chosen.items():
        photo = clean.read(number)
        squares += [photo[:, top : top + SQUARE, left : left + SQUARE].clone() for top, left in corners]
    return [square for square in squares if square.numel()]
