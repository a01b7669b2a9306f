"""Channel statistics of folders, and bringing one domain's colours to those of the other."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..images import list_images, read
from .folders import Source, is_folder

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation of all pixels, for red, green and blue, in units of the image range.

    Attributes:
        mean, deviation: three numbers each; the deviation is that of the pixels (divided by n).
        pixels: how many were counted, 0 where it is not known.
    """

    mean: Triple
    deviation: Triple
    pixels: int

    @classmethod
    def of_image(cls, image: Tensor) -> ChannelStatistics:
        """Of one image (3, H, W), computed in float64."""
        values = image.double().flatten(1)
        return cls(tuple(values.mean(1).tolist()), tuple(values.std(1, correction=0).tolist()), values.shape[1])

    @classmethod
    def pooled(cls, parts: Iterable[ChannelStatistics]) -> ChannelStatistics:
        """Of all pixels together, each counting as much as any other."""
        parts = list(parts)
        if not parts:
            raise ValueError("parts must not be empty")
        pixels = np.array([part.pixels for part in parts], dtype=np.float64)
        means, deviations = (np.array([getattr(part, name) for part in parts]) for name in ("mean", "deviation"))
        mean = pixels @ means / pixels.sum()
        variance = pixels @ (deviations**2 + (means - mean) ** 2) / pixels.sum()
        return cls(tuple(mean.tolist()), tuple(np.sqrt(variance).tolist()), int(pixels.sum()))


def channel_statistics(source: Source) -> ChannelStatistics:
    """Of a folder of photos, read one at a time, or of images (3, H, W) in [0, 1]. Unreadable files are logged.

    Raises:
        ValueError: nothing can be read.
    """
    if not is_folder(source):
        return ChannelStatistics.pooled(map(ChannelStatistics.of_image, source))
    parts, files = [], list_images(source)
    for file in files:
        try:
            parts.append(ChannelStatistics.of_image(read(file)))
        except ValueError as error:
            logging.getLogger(__name__).warning("skipped %s", error)
    if not parts:
        raise ValueError(f"{source}: none of {len(files)} images can be read")
    return ChannelStatistics.pooled(parts)


@dataclass(frozen=True)
class ColourMatch:
    """Per channel, ``(v - mean) / deviation`` of one domain, times deviation plus mean of the other, clipped to [0, 1].

    DeFlow and LUD-VAE bring the degraded images of AIM 2019 to the colours of the clean ones in this way, learn the
    degradation there, and apply the inverse map to what they made. ``match.inverse`` is that map; it undoes all but the
    clipping.

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
