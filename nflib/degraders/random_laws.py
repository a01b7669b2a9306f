"""Noise whose law is drawn anew for every image: what a denoiser for photos of any camera is taught with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.arrays import as_8_bits
from ..images.jpeg import JPEG
from ..units import rand, randn
from .degrader import Degrader

# Fields of noise are this much larger than the image, whose sides are not neighbours.
MARGIN = 16
# Shares of the laws: white, with long waves too, without any long waves.
WHITE, BLOTCHES, FINE = 0.3, 0.5, 0.15
# Deviations, in pixels, of the blur that makes fine grain and of the one that makes blotches.
GRAIN, BLOTCH = (0.3, 2.0), (2.0, 6.0)


@dataclass(frozen=True)
class RandomLaws(Degrader):
    """``y_c = x_c + sigma g_c exp(a (2 x_c - 1) + b (1 - (2 x_c - 1)^2)) n_c``, then perhaps JPEG; all but x
    drawn for each image.

    The deviation sigma is as often between 1 and 2 grey levels as between 10 and 20. The field
    ``n_c = sqrt(rho) m + sqrt(1 - rho) e_c`` has one correlation length for what the colours share and
    another, not shorter, for what they do not; grain may be stretched along any direction.

    >>> degrade, grey = RandomLaws(), torch.full((1, 3, 64, 64), 0.5)
    >>> spread = [degrade(grey, generator=torch.Generator().manual_seed(seed)).std() for seed in range(9)]
    >>> bool(max(spread) > 10 * min(spread))
    True

    Attributes:
        sigma: smallest and largest deviation at middle grey, in units of the image range.
        jpeg: share of the images that become a JPEG after the noise.
        quality: its smallest and largest quality.
    """

    sigma: tuple[float, float] = (0.4 / 255, 40 / 255)
    jpeg: float = 0.5
    quality: tuple[int, int] = (35, 98)

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        for _ in range(n):
            yield torch.stack([self._degraded(image, strength, generator) for image in clean])

    def _degraded(self, image: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
        draws = rand((8,), image, generator)
        light = 2 * image - 1
        rise, bow = 1.5 * draws[0] - 0.5, draws[1] - 0.5
        level = _between(self.sigma, draws[2]) * torch.exp(draws[3:6] - 0.5).view(3, 1, 1)
        deviation = level * torch.exp(rise * light + bow * (1 - light.square()))
        noisy = as_8_bits(image + strength * deviation * _field(image, generator))
        if draws[6] >= self.jpeg:
            return noisy
        low, high = self.quality
        quality = round(low + (high - low) * draws[7].item())
        return JPEG(quality, "4:2:0" if draws[6] < 0.6 * self.jpeg else "4:4:4")(noisy)


def _field(image: Tensor, generator: torch.Generator | None) -> Tensor:
    """Noise of deviation 1, (3, H, W), of a correlation that is drawn."""
    height, width = (side + MARGIN for side in image.shape[1:])
    shared, own, rho = _amplitudes(height, width, rand((9,), image, generator))
    white = torch.fft.fft2(randn((4, height, width), image, generator))
    fields = torch.fft.ifft2(white * torch.stack((shared, own, own, own)).to(white)).real
    field = rho**0.5 * fields[:1] + (1 - rho) ** 0.5 * fields[1:]
    return field[:, : image.shape[1], : image.shape[2]]


def _amplitudes(height: int, width: int, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Frequency responses, (height, width) each, of what colours share and of what they do not, and the share
    of the former.
    """
    fy, fx = (torch.fft.fftfreq(side).to(draws) for side in (height, width))
    angle = math.pi * draws[0]
    along = fx * torch.cos(angle) + fy[:, None] * torch.sin(angle)
    across = fy[:, None] * torch.cos(angle) - fx * torch.sin(angle)
    grain = _between(GRAIN, draws[1]) * (draws[2] >= WHITE)
    round_, coarser, weight = 0.5 + 0.5 * draws[3], 1 + 1.5 * draws[4], 0.4 * draws[5] * (draws[5] < BLOTCHES)
    blotches = _unit(_blurred(along, across, _between(BLOTCH, draws[6])))
    found = []
    for blur in (grain, grain * coarser):
        power = (1 - weight) * _unit(_blurred(along, across * round_, blur)) + weight * blotches
        if draws[7] < FINE:
            power = _unit(power * (1 - _blurred(along, across, torch.ones_like(blur))))
        found.append(power.sqrt())
    return found[0], found[1], 0.9 * draws[8]


def _blurred(along: Tensor, across: Tensor, blur: Tensor) -> Tensor:
    """Power that a Gaussian blur of so many pixels leaves of each wave."""
    return torch.exp(-4 * math.pi**2 * blur.square() * (along.square() + across.square()))


def _unit(power: Tensor) -> Tensor:
    return power / power.mean()


def _between(ends: tuple[float, float], share: Tensor) -> Tensor:
    """A number between two, by equal ratios."""
    low, high = ends
    return low * (high / low) ** share
