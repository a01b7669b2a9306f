"""The law of a noise, drawn by the reader: how strong by brightness, how correlated, and what is measured
in it.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import traitlets as T
from torch import Tensor

from ..data import photos
from ..images import resize
from . import flow_export
from .base import Explorer, Number, Scene, Whole, shared
from .picture import DEGRADED, NOISE
from .prng import normals

KNOTS = ("black", "dark", "middle", "bright", "white")
REACH, LAGS = 12, 10
RAMP = 24  # rows of the ramp below the photo
BANDS, FEWEST = 8, 50  # bands of brightness, and values in one that is measured
SIDES = (16, 160)  # pixels of a photo, from and to


@functools.cache
def _coffee() -> dict:
    """A bundled photo, small and packed: it has smooth places of many colours, from black to white."""
    return _packed(resize(photos("all")["coffee"][None], 0.14)[0, :, :, 2:82])


def _packed(photo: Tensor) -> dict:
    """The photo and a grey ramp below it, from black to white, to half precision: a value takes two bytes."""
    ramp = torch.linspace(0, 1, photo.shape[2]).expand(3, RAMP, -1)
    return flow_export.pack(torch.cat([photo.detach().cpu().clamp(0, 1), ramp], 1).half())


class NoiseLawExplorer(Explorer):
    """The law of a noise, ``y = x + sigma(x) n``, on a photo and on a grey ramp: n is white noise through a
    Gaussian filter, and the reader draws the curve sigma(x).

    ``sigma(x) = sigma * gain(x)``; the square of the gain is linear between five brightnesses, as in
    :class:`nflib.models.NoiseLaw`. Dots beside the curve are the deviation measured in eight bands of
    brightness, after clipping; dots beside the variogram of n are measured before clipping, along rows and
    columns. ``NoiseLawExplorer.of(photo)`` takes another photo.

    Args:
        picture: photo and ramp, packed; a bundled photo, if not given.
        sigma: deviation where the gain is 1, in grey levels, >= 0.
        length: deviation of the filter in pixels, 0 (white) to 3; pixels d apart correlate by about
            ``exp(-d^2 / (4 length^2))``.
        colours: correlation of the noise of two colours, 0 to 1.
        black, dark, middle, bright, white: gain at brightness 0, 1/4, 1/2, 3/4 and 1, each 0 to 2.
        seed: of the noise, 0 to 2^30.
    """

    front_end = "noise_law_explorer"

    picture = shared(Scene("data", "half", "shape"))
    sigma = shared(Number(12.0, min=0.0))
    length = shared(Number(0.8, min=0.0, max=3.0))
    colours = shared(Number(0.3, min=0.0, max=1.0))
    black = shared(Number(0.4, min=0.0, max=2.0))
    dark = shared(Number(0.75, min=0.0, max=2.0))
    middle = shared(Number(1.0, min=0.0, max=2.0))
    bright = shared(Number(1.2, min=0.0, max=2.0))
    white = shared(Number(1.35, min=0.0, max=2.0))
    seed = shared(Whole(1, min=0, max=2**30))

    @T.default("picture")
    def _picture(self) -> dict:
        return _coffee()

    @classmethod
    def of(cls, photo: Tensor, **state) -> NoiseLawExplorer:
        """The explorer of a photo of your own.

        Args:
            photo: (3, H, W) in [0, 1], 16 to 160 pixels a side; 80 pixels wide is as large as it is shown
                without gaps. The page grows by 8 bytes a pixel.
            state: the other arguments.
        """
        low, high = SIDES
        if photo.dim() != 3 or len(photo) != 3 or not all(low <= side <= high for side in photo.shape[1:]):
            raise ValueError(
                f"photo must be (3, H, W) with sides of {low} to {high} pixels, got {tuple(photo.shape)}"
            )
        return cls(picture=_packed(photo), **state)

    def clean(self) -> np.ndarray:
        """The photo and the ramp below it, (3, H + 24, W)."""
        return flow_export.unpack(self.picture).numpy()

    def taps(self) -> np.ndarray:
        """Taps of the filter along one axis, (25,); their squares sum to 1."""
        steps = np.arange(-REACH, REACH + 1)
        taps = np.exp(-((steps / self.length) ** 2) / 2) if self.length > 0 else (steps == 0).astype(float)
        return taps / np.sqrt((taps**2).sum())

    def deviation(self, values: np.ndarray) -> np.ndarray:
        """The curve sigma(x) in grey levels, at values in [0, 1]."""
        gains = np.array([getattr(self, knot) for knot in KNOTS])
        return self.sigma * np.sqrt(np.interp(values, np.linspace(0, 1, len(KNOTS)), gains**2))

    def noise(self) -> np.ndarray:
        """The noise n of the present seed, (3, H + 24, W), of variance 1; the filter goes around edges."""
        channels, height, width = self.clean().shape
        common, *own = normals((channels + 1) * height * width, self.seed).reshape(-1, height, width)
        mixed = np.sqrt(self.colours) * common + np.sqrt(1 - self.colours) * np.stack(own)
        for axis in (2, 1):
            moved = (np.roll(mixed, REACH - k, axis) * tap for k, tap in enumerate(self.taps()))
            mixed = np.sum(list(moved), axis=0)
        return mixed

    def law(self) -> np.ndarray:
        """Variogram of n at distances 0 to 10 along a row or a column, (11,)."""
        taps = self.taps()
        return 1 - np.correlate(taps, taps, "full")[len(taps) - 1 :][: LAGS + 1]

    def measured(self) -> np.ndarray:
        """Variogram as it is measured in the noise that is drawn, (11,)."""
        noise = self.noise()
        return np.array([_variogram(noise, lag) for lag in range(LAGS + 1)])

    def _noisy(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Clean, noisy and clipped."""
        clean = self.clean()
        noisy = clean + self.deviation(clean) / 255 * self.noise()
        return clean, noisy, noisy.clip(0, 1)

    def readouts(self) -> dict[str, float]:
        clean, noisy, shown = self._noisy()
        noise = self.noise()
        return {
            "deviation_dark": self.sigma * self.dark,
            "deviation_middle": self.sigma * self.middle,
            "deviation_bright": self.sigma * self.bright,
            "deviation": 255 * float((shown - clean).std()),
            "clipped": float(((noisy < 0) | (noisy > 1)).mean()),
            "neighbours": 1 - float(self.law()[1]),
            "neighbours_seen": 1 - float(self.measured()[1]),
            "colours_seen": float((noise.sum(0) ** 2).mean() / (noise**2).mean() / 3 - 1) / 2,
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"A photo and a grey ramp with noise of a law: its deviation is {shown['deviation_dark']:.1f} "
            f"grey levels in the dark, {shown['deviation_middle']:.1f} in the middle, "
            f"{shown['deviation_bright']:.1f} in bright parts, and {shown['deviation']:.1f} as measured in "
            f"all pixels. Neighbouring pixels correlate by {shown['neighbours']:.3f}, measured "
            f"{shown['neighbours_seen']:.3f}; colours by {self.colours:.3f}, measured "
            f"{shown['colours_seen']:.3f}."
        )

    def points(self) -> np.ndarray:
        """Brightness and measured deviation of each band with enough values, in grey levels, (N, 2)."""
        clean, _, shown = self._noisy()
        bands = (BANDS * clean).astype(int)  # exactly white is in none
        inside = [bands == band for band in range(BANDS)]
        found = [[clean[band].mean(), (shown - clean)[band].std()] for band in inside if band.sum() >= FEWEST]
        return 255 * np.array(found)

    def draw(self, figure) -> None:
        picture, curve, correlation = figure.subplots(1, 3)
        picture.imshow(self._noisy()[2].transpose(1, 2, 0), interpolation="nearest")
        picture.set_title("noisy photo, noisy ramp", fontsize=9)
        picture.axis("off")
        brightness = np.linspace(0, 1, 101)
        curve.plot(255 * brightness, self.deviation(brightness), color=NOISE, lw=2, label="law")
        curve.plot(*self.points().T, "o", color=DEGRADED, ms=4, label="measured")
        curve.set(xlabel="brightness x, grey levels", ylim=(0, max(40, 2 * self.sigma)))
        curve.set_title("deviation σ(x), grey levels", fontsize=9)
        correlation.plot(self.law(), color=NOISE, lw=2, label="law")
        correlation.plot(self.measured(), "o", color=DEGRADED, ms=4, label="measured")
        correlation.set(xlabel="distance, pixels", ylim=(0, 1.5))
        correlation.set_title("variogram of the noise n", fontsize=9)
        for axes in (curve, correlation):
            axes.legend(loc="upper left", fontsize=8)


def _variogram(noise: np.ndarray, lag: int) -> float:
    """Half the mean square of the differences of pixels so far apart, along rows and columns."""
    height, width = noise.shape[1:]
    along = noise[:, :, lag:] - noise[:, :, : width - lag]
    down = noise[:, lag:] - noise[:, : height - lag]
    return float(((along**2).sum() + (down**2).sum()) / (2 * (along.size + down.size)))
