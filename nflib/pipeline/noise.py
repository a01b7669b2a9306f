"""The noise level of a folder of photos from another folder of clean ones, without pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import data, units
from ..closed_form import gaussian
from ..files import write_json
from ..images import list_images, read

CHANNELS = ("red", "green", "blue")
# The jackknife leaves out one group of photos at a time; this many groups are enough for a standard error.
GROUPS = 20


class ChannelNoise(NamedTuple):
    """Noise of one colour channel, deviations in units of the image range [0, 1].

    ``low`` and ``high`` are None where a folder has less than two photos. ``content`` is the deviation of the
    clean responses: the smaller the noise is beside it, the less can be known. ``case`` is 2 where the
    degraded photos have less than the clean.

    >>> red = ChannelNoise(sigma=0.05, low=0.04, high=0.06, content=0.02, case=1)
    >>> red.low <= red.sigma <= red.high
    True
    """

    sigma: float
    low: float | None
    high: float | None
    content: float
    case: int


@dataclass(frozen=True)
class NoiseEstimate:
    """What :func:`estimate_noise` found.

    >>> red = ChannelNoise(sigma=0.05, low=None, high=None, content=0.02, case=1)
    >>> NoiseEstimate({"red": red}, clean_photos=1, degraded_photos=1, skipped=()).channels["red"].sigma
    0.05

    Attributes:
        channels: "red", "green", "blue" -> :class:`ChannelNoise`.
        clean_photos, degraded_photos: how many were used.
        skipped: one line for each file that could not be used.
    """

    channels: dict[str, ChannelNoise]
    clean_photos: int
    degraded_photos: int
    skipped: tuple[str, ...]

    ASSUMES = (
        "degraded photo = clean photo + noise that does not depend on the content",
        "both folders show the same kind of content (scenes, scale, sharpness)",
        "the noise is white; of noise with correlated neighbours this is the level in the finest "
        "diagonal detail only",
        "the interval covers chance in the choice of photos, not a breach of these assumptions",
    )

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        channels = {name: noise._asdict() for name, noise in self.channels.items()}
        write_json(
            Path(path),
            {
                "unit": "image range [0, 1]",
                "level": 0.95,
                "channels": channels,
                "clean_photos": self.clean_photos,
                "degraded_photos": self.degraded_photos,
                "skipped": list(self.skipped),
                "assumes": list(self.ASSUMES),
            },
        )


def estimate_noise(clean: str | Path, degraded: str | Path) -> NoiseEstimate:
    """Noise level of degraded photos from clean photos of other scenes: the unpaired Gaussian on high-pass
    responses.

    The responses of :func:`nflib.data.high_pass` hold the noise at full strength and little content. Their
    variances in the two folders go through :func:`nflib.closed_form.gaussian.fit_moments`. Content is neither
    Gaussian nor independent from pixel to pixel, so the 95 % interval comes from leaving out photos
    (delete-a-group jackknife, Student's t with Welch's degrees of freedom), not from the number of pixels.

    Args:
        clean, degraded: folders of photos, unpaired. Files that cannot be read are skipped and listed in the
            answer.
    """
    skipped: list[str] = []
    x, y = (_response_sums(Path(folder), skipped) for folder in (clean, degraded))
    centre, spread = _jackknife(x, y)
    channels = {}
    for c, name in enumerate(CHANNELS):
        a, b = _variance(x)[c], _variance(y)[c]
        if not a > 0:
            raise ValueError(f"{clean}: the clean photos have no detail at all in {name}, expected photos")
        fit = gaussian.fit_moments([0.0], [[a]], [0.0], [[b]])
        low = high = None
        if spread is not None:
            low, high = (float(np.sqrt(max(0.0, centre[c] + sign * spread[c]))) for sign in (-1, 1))
        channels[name] = ChannelNoise(
            float(np.sqrt(np.asarray(fit.cov_u)[0, 0])), low, high, float(np.sqrt(a)), fit.case
        )
    return NoiseEstimate(channels, len(x), len(y), tuple(skipped))


def _response_sums(folder: Path, skipped: list[str]) -> np.ndarray:
    """For each photo and channel the number and the sum of squares of its high-pass responses, (photos, 2,
    3).
    """
    sums = []
    files = list_images(folder)
    for file in units.progress(files, folder.name):
        try:
            image = read(file)
            if min(image.shape[1:]) < 2:
                raise ValueError(f"{file}: {image.shape[2]}x{image.shape[1]} pixels, expected at least 2x2")
        except ValueError as error:
            skipped.append(str(error))
            continue
        responses = data.high_pass(image.double()).flatten(1)
        sums.append([[responses.shape[1]] * 3, responses.square().sum(1).tolist()])
    if not sums:
        raise ValueError(
            f"{folder}: none of {len(files)} images could be read; the first: {skipped[-len(files)]}"
        )
    return np.array(sums)


def _variance(sums: np.ndarray) -> np.ndarray:
    """Variance of the responses per channel; their mean is zero up to the borders of the photos."""
    return sums[:, 1].sum(0) / sums[:, 0].sum(0)


def _jackknife(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The noise variance before clipping at zero, (3,), and the half-width of its 95 % interval, None if
    unknown.
    """
    from scipy.stats import t

    centre = _variance(y) - _variance(x)
    if min(len(x), len(y)) < 2:
        return centre, None
    squares, freedom = [], []
    for sums in (x, y):
        groups = min(len(sums), GROUPS)
        member = np.arange(len(sums)) % groups
        left_out = np.stack([_variance(sums[member != g]) for g in range(groups)])
        squares.append((groups - 1) / groups * ((left_out - left_out.mean(0)) ** 2).sum(0))
        freedom.append(groups - 1)
    total = squares[0] + squares[1]
    parts = sum(s**2 / f for s, f in zip(squares, freedom))
    welch = np.divide(total**2, parts, out=np.full(3, float(sum(freedom))), where=parts > 0)
    return centre, t.ppf(0.975, welch) * np.sqrt(total)
