"""Colours of sets of images: their mean and deviation, and images brought to those of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .strips import strips

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation of all pixels, for red, green and blue, in units of the image range.

    >>> image = torch.tensor([0.0, 1.0]).expand(3, 1, 2)
    >>> ChannelStatistics.of_image(image)
    ChannelStatistics(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5), pixels=2)

    Attributes:
        mean, deviation: three numbers each; the deviation is that of the pixels (divided by n).
        pixels: how many were counted, 0 where it is not known.
    """

    mean: Triple
    deviation: Triple
    pixels: int

    @classmethod
    def of_image(cls, image: Tensor) -> ChannelStatistics:
        """Statistics of one image (3, H, W), computed in float64."""
        height, width = image.shape[1:]
        parts = list(strips(height, width))
        total: Any = sum(image[:, rows].double().sum((1, 2)) for rows in parts)
        mean = total / (height * width)
        away = (image[:, rows].double() - mean[:, None, None] for rows in parts)
        squares: Any = sum(part.square().sum((1, 2)) for part in away)
        deviation = (squares / (height * width)).sqrt()
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()), height * width)

    @classmethod
    def pooled(cls, parts: Iterable[ChannelStatistics]) -> ChannelStatistics:
        """Statistics of all pixels together, each counting as much as any other."""
        parts = list(parts)
        if not parts:
            raise ValueError("parts must not be empty")
        pixels = np.array([part.pixels for part in parts], dtype=np.float64)
        means, deviations = (
            np.array([getattr(part, name) for part in parts]) for name in ("mean", "deviation")
        )
        mean = pixels @ means / pixels.sum()
        variance = pixels @ (deviations**2 + (means - mean) ** 2) / pixels.sum()
        return cls(tuple(mean.tolist()), tuple(np.sqrt(variance).tolist()), int(pixels.sum()))


@dataclass(frozen=True)
class ColourMatch:
    """Per channel, ``(v - mean) / deviation`` of one domain, times deviation plus mean of the other, clipped
    to [0, 1].

    DeFlow and LUD-VAE bring the degraded images of AIM 2019 to the colours of the clean ones in this way,
    learn the degradation there, and apply the inverse map to what they made. ``match.inverse`` is that map;
    it undoes all but the clipping.

    >>> dim, bright = torch.tensor([0.1, 0.3]).expand(3, 1, 2), torch.tensor([0.2, 0.8]).expand(3, 1, 2)
    >>> match = ColourMatch(*map(ChannelStatistics.of_image, (dim, bright)))
    >>> torch.allclose(match(dim), bright), torch.allclose(match.inverse(bright), dim)
    (True, True)

    Attributes:
        source, target: statistics before and after, such as of the degraded and of the clean photos.
    """

    source: ChannelStatistics
    target: ChannelStatistics

    def __post_init__(self):
        if not min(*self.source.deviation, *self.target.deviation) > 0:
            found = f"{self.source.deviation} and {self.target.deviation}"
            raise ValueError(f"a channel that is constant cannot be matched, got deviations {found}")

    def __call__(self, images: Tensor) -> Tensor:
        """images (3, H, W) or (B, 3, H, W) -> the like."""
        mean, deviation, target_mean, target_deviation = (
            torch.tensor(triple, dtype=torch.float64).view(3, 1, 1).to(images)
            for triple in (self.source.mean, self.source.deviation, self.target.mean, self.target.deviation)
        )
        return ((images - mean) / deviation * target_deviation + target_mean).clamp(0, 1)

    @property
    def inverse(self) -> ColourMatch:
        return ColourMatch(self.target, self.source)
