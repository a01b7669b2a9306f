"""The noise of a folder of photos from another folder of clean ones, without pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ..files import write_json
from ..models import NoiseLaw
from ..training import NEIGHBOURS, Estimate, LawFound, find_law

CHANNELS = ("red", "green", "blue")
BRIGHTNESS = {"dark": 0.125, "middle": 0.5, "bright": 0.875}
"""Where the curves are told: name -> value, in units of the image range."""


class NoiseLevel(NamedTuple):
    """A number and its 95 % interval; ``low`` and ``high`` are None where a folder has less than two photos.

    >>> NoiseLevel(value=0.05, low=0.04, high=0.06).value
    0.05
    """

    value: float
    low: float | None
    high: float | None


class ChannelNoise(NamedTuple):
    """Noise of one colour channel, deviations in units of the image range [0, 1].

    ``sigma`` is the level over all colours of the degraded photos, between ``low`` and ``high`` with 95 %,
    None where a folder has less than two photos. ``content`` is the deviation of clean photos where they are
    flat: the smaller the noise is beside it, the less can be known. ``curve`` says how the level depends on
    the value: names of :data:`BRIGHTNESS` -> :class:`NoiseLevel`. ``seen`` is False where the degraded photos
    vary no more than the clean ones.

    >>> red = ChannelNoise(sigma=0.05, low=0.04, high=0.06, content=0.02, curve={}, seen=True)
    >>> red.low <= red.sigma <= red.high
    True
    """

    sigma: float
    low: float | None
    high: float | None
    content: float
    curve: dict[str, NoiseLevel]
    seen: bool


@dataclass(frozen=True)
class NoiseEstimate:
    """What :func:`estimate_noise` found.

    >>> red = ChannelNoise(sigma=0.05, low=None, high=None, content=0.02, curve={}, seen=True)
    >>> found = NoiseEstimate({"red": red}, {}, law=None, clean_photos=1, degraded_photos=1)
    >>> found.channels["red"].sigma
    0.05

    Attributes:
        channels: "red", "green", "blue" -> :class:`ChannelNoise`.
        neighbours: "right", "down", "diagonal", "antidiagonal" -> correlation of a pixel with that
            neighbour, mean of the channels.
        law: the law of the noise, a degrader; its configuration says what came after the noise.
        clean_photos, degraded_photos: how many have flat windows, from which it was found.
        skipped: one line for each file that could not be used.
        remarks: what to know of it, sentences.
        curve_interval: of the deviation at the knots of the law, lowest and highest, (2, 3, knots).
    """

    channels: dict[str, ChannelNoise]
    neighbours: dict[str, NoiseLevel]
    law: NoiseLaw | None
    clean_photos: int
    degraded_photos: int
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    curve_interval: Tensor | None = None

    ASSUMES = (
        "degraded photo = clean photo + noise that depends on the colours around, not on what is to be seen",
        "where photos are flat, both folders have as much of what is left: fine texture, sharpness",
        "of noise that is correlated over more than 10 pixels the rest is not seen",
        "the interval covers chance in the choice of photos, not a breach of these assumptions",
    )

    @property
    def last_stage(self) -> str:
        """What came after the noise, such as "jpeg:62"; empty for nothing."""
        return "" if self.law is None else self.law.config.last_stage

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        channels = {
            name: {
                **noise._asdict(),
                "curve": {where: level._asdict() for where, level in noise.curve.items()},
            }
            for name, noise in self.channels.items()
        }
        write_json(
            Path(path),
            {
                "unit": "image range [0, 1]",
                "level": 0.95,
                "channels": channels,
                "neighbours": {name: level._asdict() for name, level in self.neighbours.items()},
                "last_stage": self.last_stage,
                "clean_photos": self.clean_photos,
                "degraded_photos": self.degraded_photos,
                "skipped": list(self.skipped),
                "remarks": list(self.remarks),
                "assumes": list(self.ASSUMES),
            },
        )


def estimate_noise(clean: str | Path, degraded: str | Path, *, last_stage: str = "auto") -> NoiseEstimate:
    """Strength, curve and correlation of the noise of degraded photos, from clean photos of other scenes: the
    law of the noise (:func:`nflib.training.find_law`), in words.

    Content is neither Gaussian nor independent from pixel to pixel, so the 95 % intervals come from leaving
    out photos (delete-a-group jackknife, Student's t with Welch's degrees of freedom), not from the number of
    pixels.

    Args:
        clean, degraded: folders of photos, unpaired. Files that cannot be read are skipped and listed in the
            answer.
        last_stage: what came after the noise, see :func:`nflib.training.train_law`; the answer is about the
            noise before it.

    Raises:
        ValueError: a folder has no usable photo.
    """
    found = find_law(clean, degraded, last_stage=last_stage)
    channels = {name: _channel(found, c) for c, name in enumerate(CHANNELS)}
    neighbours = {name: _level(found.neighbours, (i,)) for i, name in enumerate(NEIGHBOURS)}
    return NoiseEstimate(
        channels,
        neighbours,
        law=found.law,
        clean_photos=found.photos[0],
        degraded_photos=found.photos[1],
        skipped=found.skipped,
        remarks=found.remarks,
        curve_interval=found.deviation.interval,
    )


def _channel(found: LawFound, c: int) -> ChannelNoise:
    knots = found.deviation.value.shape[1]
    curve = {
        where: _level(found.deviation, (c, round(value * (knots - 1)))) for where, value in BRIGHTNESS.items()
    }
    level = _level(found.level, (c,))
    return ChannelNoise(
        level.value,
        level.low,
        level.high,
        content=found.content[c].item(),
        curve=curve,
        seen=not bool(found.unseen[c]),
    )


def _level(estimate: Estimate, place: tuple[int, ...]) -> NoiseLevel:
    low, high = (
        (None, None) if estimate.interval is None else (side[place].item() for side in estimate.interval)
    )
    return NoiseLevel(estimate.value[place].item(), low, high)
