"""Statistics that photos share and damage changes: locally normalised pixels and the laws fitted to them.

The common ground of NIQE, BRISQUE and PIQE (Ruderman 1994; Mittal, Moorthy and Bovik 2012).
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..images.windows import gaussian_taps, window_mean

SIZE, DEVIATION = 7, 7 / 6


def normalised(grey: Tensor, border: str) -> Tensor:
    """(x - local mean) / (local deviation + 1) of images in 0..255, with a 7x7 Gaussian window of deviation
    7/6.

    Args:
        grey: (B, 1, H, W), 0..255.
        border: "replicate" the edge, or "constant" zeros beyond it.
    """
    taps = gaussian_taps(SIZE, DEVIATION)

    def mean(x: Tensor) -> Tensor:
        return window_mean(pad(x, (SIZE // 2,) * 4, mode=border), taps)

    centre = mean(grey)
    return (grey - centre) / ((mean(grey * grey) - centre**2).abs().sqrt() + 1)


def fit_generalised_gaussian(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Moment fit of ``p(x) ~ exp(-|x / b|^shape)``, centred: shape and variance.

    Args:
        samples: (..., n).

    Returns:
        shape and variance, each (...). A shape of 2 is Gaussian, 1 Laplacian; it is looked up between 0.2 and
        10.
    """
    variance = samples.square().mean(-1)
    shapes, ratios = _table(samples.device)
    # here the papers' codes look for the nearest 1 / ratio
    shape = shapes[_nearest((1 / ratios).flip(0), variance / samples.abs().mean(-1) ** 2, len(ratios) - 1)]
    return shape, variance


def fit_asymmetric_gaussian(samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Moment fit of a generalised Gaussian with different widths left and right of zero.

    Args:
        samples: (..., n).

    Returns:
        shape, left and right root mean square, each (...). Without a value on one side its width is NaN.
    """
    squares = samples.square()
    below, above = samples < 0, samples > 0
    left = ((squares * below).sum(-1) / below.sum(-1)).sqrt()
    right = ((squares * above).sum(-1) / above.sum(-1)).sqrt()
    g = left / right
    ratio = samples.abs().mean(-1) ** 2 / squares.mean(-1) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    shapes, ratios = _table(samples.device)
    return shapes[_nearest(ratios, ratio)], left, right


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
