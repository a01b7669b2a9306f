"""Domain maps h: they take the degradation out of an image, and with it some of its content.

A map is called ``h(images, generator=None)`` with images (B, C, H, W), nominally in [0, 1], and returns what a model is told
about them, (B, C, H', W'), not clipped. Those without randomness ignore the generator. Filters continue an image beyond its edge
by the pixel at the edge, so that flat images stay as they are and any size will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from ..images import resize
from ..metrics.windows import gaussian_taps, window_mean
from ..units import randn


@dataclass(frozen=True)
class AddNoise:
    """``x + sigma n`` with n standard normal: a domain's own noise drowns in noise that both have.

    Attributes:
        sigma: deviation in units of the image range. DeFlow has 0.03, after downsampling.
    """

    sigma: float = 0.03

    def __post_init__(self):
        _not_negative(self.sigma, "sigma")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _checked(images) + self.sigma * randn(images.shape, images, generator)


@dataclass(frozen=True)
class MultiplyNoise:
    """``x (1 + sigma n)`` with n standard normal: the mean is kept, bright pixels get more noise than dark ones, black ones none.

    Attributes:
        sigma: deviation of the factor, without unit.
    """

    sigma: float = 0.1

    def __post_init__(self):
        _not_negative(self.sigma, "sigma")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _checked(images) * (1 + self.sigma * randn(images.shape, images, generator))


@dataclass(frozen=True)
class Downsample:
    """Bicubic downsampling as MATLAB does it (:func:`nflib.images.resize`), to 1/factor of each side, rounded up."""

    factor: int = 4

    def __post_init__(self):
        _whole(self.factor, "factor")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return resize(_checked(images), 1 / self.factor)


@dataclass(frozen=True)
class MaxPool:
    """The largest value of each block of factor x factor pixels, channel by channel; sizes are rounded up.

    The largest of several noisy values is larger than that of the clean ones: noise does not average out, it makes h brighter.
    """

    factor: int = 4

    def __post_init__(self):
        _whole(self.factor, "factor")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return max_pool2d(_checked(images), self.factor, ceil_mode=True)


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian smoothing, cut off at four deviations.

    Attributes:
        sigma: deviation of the kernel in pixels.
    """

    sigma: float = 2.0

    def __post_init__(self):
        _not_negative(self.sigma, "sigma")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        radius = math.ceil(4 * self.sigma)
        if radius == 0:
            return _checked(images)
        return window_mean(_extended(images, radius), gaussian_taps(2 * radius + 1, self.sigma))


@dataclass(frozen=True)
class Median:
    """Median of a window of size x size pixels, channel by channel.

    Attributes:
        size: side of the window, odd.
    """

    size: int = 5

    def __post_init__(self):
        _whole(self.size, "size")
        if self.size % 2 == 0:
            raise ValueError(f"size must be odd, got {self.size}")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        windows = _extended(images, self.size // 2).unfold(-2, self.size, 1).unfold(-2, self.size, 1)
        return windows.flatten(-2).median(-1).values


@dataclass(frozen=True)
class Bilateral:
    """Mean of the neighbours that are near in place and in colour (Tomasi and Manduchi 1998); edges stay.

    The weight of a neighbour is ``exp(-d^2 / (2 sigma_space^2)) exp(-|colour difference|^2 / (2 sigma_range^2))``, the same for all
    channels, in a window of two deviations to either side.

    Attributes:
        sigma_space: in pixels.
        sigma_range: in units of the image range; the length of the difference of all channels.
    """

    sigma_space: float = 2.0
    sigma_range: float = 0.15

    def __post_init__(self):
        if not (self.sigma_space > 0 and self.sigma_range > 0):
            raise ValueError(f"sigma_space and sigma_range must be positive, got {self.sigma_space} and {self.sigma_range}")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        radius = math.ceil(2 * self.sigma_space)
        extended = _extended(images, radius)
        height, width = images.shape[-2:]
        total, weights = torch.zeros_like(images), torch.zeros_like(images[:, :1])
        for dy in range(2 * radius + 1):
            for dx in range(2 * radius + 1):
                neighbour = extended[..., dy : dy + height, dx : dx + width]
                distance = (dy - radius) ** 2 + (dx - radius) ** 2
                colour = (neighbour - images).square().sum(1, keepdim=True)
                weight = torch.exp(-distance / (2 * self.sigma_space**2) - colour / (2 * self.sigma_range**2))
                total += weight * neighbour
                weights += weight
        return total / weights


class Compose:
    """One map after the other: ``Compose(Downsample(4), AddNoise(0.03))`` is the h of DeFlow. ``Compose()`` changes nothing."""

    def __init__(self, *maps):
        for i, step in enumerate(maps):
            if not callable(step):
                raise ValueError(f"map {i} must be a callable h(images, generator), got {type(step).__name__}")
        self.maps = maps

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for step in self.maps:
            images = step(images, generator)
        return images

    def __repr__(self):
        return f"Compose({', '.join(map(repr, self.maps))})"


def _checked(images: Tensor) -> Tensor:
    if not isinstance(images, Tensor) or images.dim() != 4 or 0 in images.shape or not images.is_floating_point():
        found = f"{images.dtype} of shape {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a floating tensor (B, C, H, W), got {found}")
    return images


def _extended(images: Tensor, radius: int) -> Tensor:
    return pad(_checked(images), (radius, radius, radius, radius), mode="replicate")


def _not_negative(value: float, name: str) -> None:
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a number, 0 or more, got {value}")


def _whole(value: int, name: str) -> None:
    if not (value >= 1 and value == int(value)):
        raise ValueError(f"{name} must be a whole number, 1 or more, got {value}")
