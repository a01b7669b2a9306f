"""How strong the noise of single photos is, beside that of all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from .excess import Excess, Ratios

# Of fewer windows of one photo, and of fewer photos, nothing is said.
FEWEST_WINDOWS, FEWEST_PHOTOS = 3, 3
# Weakest and strongest: the shares of the photos that are weaker.
QUANTILES = (0.1, 0.9)
# However the estimate scatters, a photo has at least half of the noise.
WEAKEST = 0.5


def photo_strengths(even: Excess) -> tuple[float, float]:
    """Deviation of the noise of the weakest and the strongest photos, in the unit of an excess: the 10 % and
    the 90 % quantile.

    The estimate of each photo scatters, by its few windows and by its content. As much as clean photos and
    the windows of each say that is, their spread is taken back. (1, 1) if there are too few photos.

    Args:
        even: of the flattest windows of every photo (:func:`nflib.noise.flat_windows_and_even`).
    """
    of_photos, errors = _of_photos(even.ratios)
    content, _ = _of_photos(even.content_ratios)
    if len(of_photos) < FEWEST_PHOTOS:
        return 1.0, 1.0
    chance = errors.mean() + (content.var() if len(content) > 1 else 0.0)
    spread, middle = of_photos.var(), of_photos.mean()
    kept = ((spread - chance).clamp(min=0) / spread.clamp(min=1e-12)).sqrt()
    squares = middle + kept * (of_photos - middle)
    low, high = squares.quantile(torch.tensor(QUANTILES, dtype=squares.dtype)).clamp(min=WEAKEST**2).sqrt()
    return min(low.item(), 1.0), max(high.item(), 1.0)


def _of_photos(windows: Ratios) -> tuple[Tensor, Tensor]:
    """Weighted mean ratio of each photo with enough windows, and its squared standard error."""
    means, errors = [], []
    for number in windows.photo.unique():
        values, trust = (part[windows.photo == number] for part in windows[:2])
        if len(values) < FEWEST_WINDOWS:
            continue
        weight = trust / trust.sum()
        mean = (weight * values).sum()
        # the channels of a window are no independent numbers
        scatter = (weight * (values - mean)).sum(1)
        means.append(mean)
        errors.append(scatter.square().sum())
    empty = windows.values.new_zeros(1)[:0]
    return (torch.stack(means), torch.stack(errors)) if means else (empty, empty)
