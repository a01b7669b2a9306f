"""Domain maps h: they take the degradation out of an image, and with it some of its content.

A map is called ``h(images, generator=None)`` with images (B, C, H, W), nominally in [0, 1], and returns what
a model is told about them, (B, C, H', W'), not clipped. Those without randomness ignore the generator.
Filters continue an image beyond its edge by the pixel at the edge, so that flat images stay as they are and
any size will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from ..images import resize
from ..images.windows import gaussian_taps, window_mean
from ..units import randn


@dataclass(frozen=True)
class Map:
    """Base class of the maps, frozen so that a model's configuration can hold them; each has a name in
    :data:`nflib.domain.MAPS`.

    To add one: inherit from it, write ``__call__``, say in ``shrink`` if the result is smaller, and give it a
    row in ``MAPS``.

    >>> @dataclass(frozen=True)
    ... class Grey(Map):
    ...     def __call__(self, images, generator=None):
    ...         return images.mean(1, keepdim=True)
    >>> Compose(Downsample(2), Grey())(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 1, 4, 4])
    """

    @property
    def shrink(self) -> int:
        """By how much the sides of the result are smaller."""
        return 1

    @property
    def has_weights(self) -> bool:
        """Whether the map is a network, which then is part of the model that is told about images by it."""
        return False

    def build(self) -> nn.Module:
        """The network of a map that has weights, new."""
        raise ValueError(f"{type(self).__name__} has no weights")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class AddNoise(Map):
    """``x + sigma n`` with n standard normal: a domain's own noise drowns in noise that both have.

    >>> h = AddNoise(sigma=0.5)(torch.zeros(1, 3, 64, 64), torch.Generator().manual_seed(0))
    >>> round(h.std().item(), 1)
    0.5

    Attributes:
        sigma: deviation in units of the image range. DeFlow has 0.03, after downsampling.
    """

    sigma: float = 0.03

    def __post_init__(self):
        _not_negative(self.sigma, "sigma")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _checked(images) + self.sigma * randn(images.shape, images, generator)


@dataclass(frozen=True)
class MultiplyNoise(Map):
    """``x (1 + sigma n)`` with n standard normal: the mean is kept, bright pixels get more noise than dark
    ones, black ones none.

    >>> MultiplyNoise(sigma=0.5)(torch.zeros(1, 1, 1, 3))
    tensor([[[[0., 0., 0.]]]])

    Attributes:
        sigma: deviation of the factor, without unit.
    """

    sigma: float = 0.1

    def __post_init__(self):
        _not_negative(self.sigma, "sigma")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _checked(images) * (1 + self.sigma * randn(images.shape, images, generator))


@dataclass(frozen=True)
class Downsample(Map):
    """Bicubic downsampling as MATLAB does it (:func:`nflib.images.resize`), to 1/factor of each side, rounded
    up.

    >>> Downsample(4)(torch.rand(1, 3, 16, 18)).shape, Downsample(4).shrink
    (torch.Size([1, 3, 4, 5]), 4)
    """

    factor: int = 4

    def __post_init__(self):
        _whole(self.factor, "factor")

    @property
    def shrink(self) -> int:
        return self.factor

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return resize(_checked(images), 1 / self.factor)


@dataclass(frozen=True)
class MaxPool(Map):
    """The largest value of each block of factor x factor pixels, channel by channel; sizes are rounded up.

    The largest of several noisy values is larger than that of the clean ones: noise does not average out, it
    makes h brighter.

    >>> MaxPool(2)(torch.arange(8.0).view(1, 1, 2, 4))
    tensor([[[[5., 7.]]]])
    """

    factor: int = 4

    def __post_init__(self):
        _whole(self.factor, "factor")

    @property
    def shrink(self) -> int:
        return self.factor

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return max_pool2d(_checked(images), self.factor, ceil_mode=True)


@dataclass(frozen=True)
class GaussianBlur(Map):
    """Gaussian smoothing, cut off at four deviations.

    >>> GaussianBlur(sigma=1.0)(torch.eye(9).view(1, 1, 9, 9))[0, 0, 4, 3:6]
    tensor([0.2197, 0.2821, 0.2197])

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
class Median(Map):
    """Median of a window of size x size pixels, channel by channel.

    >>> image = torch.zeros(1, 1, 9, 9)
    >>> image[0, 0, 4, 4] = 1  # a speck
    >>> Median(3)(image).max()
    tensor(0.)

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
class Bilateral(Map):
    """Mean of the neighbours that are near in place and in colour (Tomasi and Manduchi 1998); edges stay.

    The weight of a neighbour is
    ``exp(-d^2 / (2 sigma_space^2)) exp(-|colour difference|^2 / (2 sigma_range^2))``, the same for all
    channels, in a window of two deviations to either side.

    >>> edge = (torch.arange(8) >= 4).float().expand(1, 1, 8, 8)
    >>> torch.allclose(Bilateral(sigma_space=2.0, sigma_range=0.1)(edge), edge, atol=1e-6)  # it stays
    True

    Attributes:
        sigma_space: in pixels.
        sigma_range: in units of the image range; the length of the difference of all channels.
    """

    sigma_space: float = 2.0
    sigma_range: float = 0.15

    def __post_init__(self):
        if not (self.sigma_space > 0 and self.sigma_range > 0):
            raise ValueError(
                f"sigma_space and sigma_range must be positive, got {self.sigma_space} and {self.sigma_range}"
            )

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


@dataclass(frozen=True, init=False)
class Compose(Map):
    """One map after the other: ``Compose(Downsample(4), AddNoise(0.03))`` is the h of DeFlow. ``Compose()``
    changes nothing.

    >>> h = Compose(Downsample(4), AddNoise(0.03))
    >>> h(torch.rand(1, 3, 16, 16)).shape, h.shrink
    (torch.Size([1, 3, 4, 4]), 4)
    """

    maps: tuple[Callable[..., Tensor], ...]

    def __init__(self, *maps: Callable[..., Tensor]):
        for i, step in enumerate(maps):
            if not callable(step):
                raise ValueError(
                    f"map {i} must be a callable h(images, generator), got {type(step).__name__}"
                )
        object.__setattr__(self, "maps", maps)

    @property
    def shrink(self) -> int:
        return math.prod(getattr(step, "shrink", 1) for step in self.maps)

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for step in self.maps:
            images = step(images, generator)
        return images

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.maps))})"


def _checked(images: Tensor) -> Tensor:
    if (
        not isinstance(images, Tensor)
        or images.dim() != 4
        or 0 in images.shape
        or not images.is_floating_point()
    ):
        found = (
            f"{images.dtype} of shape {tuple(images.shape)}"
            if isinstance(images, Tensor)
            else type(images).__name__
        )
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
