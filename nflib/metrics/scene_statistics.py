"""Statistics that photos share and damage changes: locally normalised pixels and the laws fitted to them.

The common ground of NIQE, BRISQUE and PIQE (Ruderman 1994; Mittal, Moorthy and Bovik 2012).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..images.resizing import shrunk_strips
from ..images.strips import around, strips
from ..images.windows import gaussian_taps, window_mean
from .inputs import double

SIZE, DEVIATION = 7, 7 / 6


def normalised(grey: Tensor, border: str) -> Tensor:
    """(x - local mean) / (local deviation + 1) of images in 0..255, with a 7x7 Gaussian window of deviation
    7/6.

    Args:
        grey: (B, 1, H, W), 0..255.
        border: "replicate" the edge, or "constant" zeros beyond it.

    Returns:
        The same shape, float64. Beside it little is needed, however large the images are.
    """
    height, reach = grey.shape[-2], SIZE // 2
    taps = gaussian_taps(SIZE, DEVIATION)
    result = double(grey[..., :1, :1]).new_empty(grey.shape)
    for rows in strips(height, grey.numel() // height, multiple=2 * SIZE):
        wider, above, below = around(rows, reach, height)
        part = pad(double(grey[..., wider, :]), (reach, reach, above, below), mode=border)
        centre = window_mean(part, taps)
        spread = (window_mean(part * part, taps) - centre**2).abs().sqrt()
        result[..., rows, :] = (double(grey[..., rows, :]) - centre) / (spread + 1)
    return result


def halved(grey: Tensor) -> Tensor:
    """Images of half the size, (B, 1, H, W) -> float64, as :func:`nflib.images.resize` makes them."""
    size = [math.ceil(side / 2) for side in grey.shape[-2:]]
    result = double(grey[..., :1, :1]).new_empty(*grey.shape[:-2], *size)
    for rows, part in shrunk_strips(grey, 2, double):
        result[..., rows, :] = part
    return result


class Moments(NamedTuple):
    """Sums over samples, which may come part by part. Each has one value a row.

    >>> samples = torch.tensor([[-2.0, 1.0, 3.0]])
    >>> moments = Moments.of(samples[:, :1]).plus(Moments.of(samples[:, 1:]))
    >>> [value.item() for value in moments]
    [3.0, 6.0, 4.0, 1, 10.0, 2]

    Attributes:
        number: of samples.
        size: of their absolute values.
        below, number_below: of the squares of those below zero, and how many they are.
        above, number_above: the same above zero.
    """

    number: Tensor
    size: Tensor
    below: Tensor
    number_below: Tensor
    above: Tensor
    number_above: Tensor

    @classmethod
    def of(cls, samples: Tensor) -> Moments:
        """Sum up samples (..., n)."""
        squares, below, above = samples.square(), samples < 0, samples > 0
        number = torch.full_like(samples[..., 0], samples.shape[-1])
        size = samples.abs().sum(-1)
        sides = ((side.sum(-1), (squares * side).sum(-1)) for side in (below, above))
        (number_below, sum_below), (number_above, sum_above) = sides
        return cls(number, size, sum_below, number_below, sum_above, number_above)

    def plus(self, other: Moments) -> Moments:
        return Moments(*(mine + theirs for mine, theirs in zip(self, other)))


def fit_generalised_gaussian(moments: Moments) -> tuple[Tensor, Tensor]:
    """Moment fit of ``p(x) ~ exp(-|x / b|^shape)``, centred: shape and variance.

    Returns:
        shape and variance, each (...). A shape of 2 is Gaussian, 1 Laplacian; it is looked up between 0.2 and
        10.
    """
    variance = (moments.below + moments.above) / moments.number
    shapes, ratios = _table(variance.device)
    # here the papers' codes look for the nearest 1 / ratio
    ratio = variance / (moments.size / moments.number) ** 2
    shape = shapes[_nearest((1 / ratios).flip(0), ratio, len(ratios) - 1)]
    return shape, variance


def fit_asymmetric_gaussian(moments: Moments) -> tuple[Tensor, Tensor, Tensor]:
    """Moment fit of a generalised Gaussian with different widths left and right of zero.

    Returns:
        shape, left and right root mean square, each (...). Without a value on one side its width is NaN.
    """
    left = (moments.below / moments.number_below).sqrt()
    right = (moments.above / moments.number_above).sqrt()
    g = left / right
    ratio = (moments.size / moments.number) ** 2 / ((moments.below + moments.above) / moments.number)
    shapes, ratios = _table(ratio.device)
    return shapes[_nearest(ratios, ratio * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2)], left, right


def mean_of_asymmetric(shape: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The mean of that law."""
    return (right - left) * width_factor(shape) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))


def width_factor(shape: Tensor) -> Tensor:
    """b over the root mean square: ``sqrt(gamma(1/shape) / gamma(3/shape))``."""
    return torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)


@functools.lru_cache
def _table(device: torch.device) -> tuple[Tensor, Tensor]:
    """Shapes 0.200, 0.201 .. 10 and their ratio (E|x|)^2 / E x^2, which rises with the shape."""
    shapes = 0.2 + 0.001 * torch.arange(9801, dtype=torch.float64)
    ratios = torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))
    return shapes.to(device), ratios.to(device)


def _nearest(rising: Tensor, values: Tensor, mirror: int | None = None) -> Tensor:
    """Index of the entry nearest to each value, 0 for NaN; ``mirror`` counts from the other end of
    the table."""
    above = torch.searchsorted(rising, values.contiguous()).clamp(1, len(rising) - 1)
    index = torch.where(values - rising[above - 1] <= rising[above] - values, above - 1, above)
    index = index if mirror is None else mirror - index
    return torch.where(values.isnan(), torch.zeros_like(index), index)
