"""What the flat windows of degraded photos have beyond those of clean ones: the noise, as it is seen."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .jackknife import groups_of
from .transfer import TransferFit, hats, interpolated
from .variogram import LAGS, sill, variogram
from .windows import FlatWindows

# Where a variance is zero the noise is divided by this all the same: a tenth of a grey level.
LEAST = 0.1 / 255


class Ratios(NamedTuple):
    """How much single windows have beyond what is usual, in units of the noise's variance.

    >>> Ratios(torch.ones(4, 3), torch.ones(4, 3), torch.arange(4)).values.shape
    torch.Size([4, 3])

    Attributes:
        values: of each window and channel, (M, 3).
        trust: how much each says, (M, 3).
        photo: of each window, (M,).
    """

    values: Tensor
    trust: Tensor
    photo: Tensor


class Excess:
    """Variance by value, and variogram, that degraded windows have beyond clean ones of other scenes.

    Content is taken to be alike on both sides: its variance a curve of the colour that is fitted to the clean
    windows, its variogram the same everywhere but for that.

    >>> grey = torch.full((12, 3, 32, 32), 0.5, dtype=torch.float64)
    >>> noisy = grey + 0.1 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(0))
    >>> clean, degraded = (FlatWindows(pixels, torch.arange(12), 1.0) for pixels in (grey, noisy))
    >>> [round(level, 2) for level in Excess(clean, degraded).variance()[:, 8].sqrt().tolist()]
    [0.1, 0.1, 0.1]

    Args:
        clean, degraded: of :func:`nflib.noise.flat_windows`, of the same size.
        unit: curves of variance, (3, knots), in whose units the variogram is; by default those that are
            found.

    Attributes:
        groups: how many groups of photos there are, clean and degraded, that can be left out.
        colours: how often the degraded windows have the value of each knot, (3, knots).
    """

    def __init__(self, clean: FlatWindows, degraded: FlatWindows, *, unit: Tensor | None = None):
        of_clean, self._member = groups_of(clean.photo), groups_of(degraded.photo)
        self.groups = int(of_clean.max()) + 1, int(self._member.max()) + 1
        self._content = TransferFit(clean.colours, clean.variances, of_clean)
        content = _at(self._content.curve(), degraded)
        self._fit = TransferFit(degraded.colours, degraded.variances - content, self._member, content)
        self.unit = self.variance() if unit is None else unit
        self.ratios = self._ratios(degraded)
        self.content_ratios = self._ratios(clean)
        # where there is as much content as noise a window says less
        trust = self.ratios.trust.sqrt()
        self._weights = trust / self._noise(degraded).sqrt()
        self._scale = torch.einsum("ni,nj->nij", trust, trust)
        self._colours = hats(degraded.colours)
        self.colours = self._colours.mean(0)
        self._clean_grams = _variograms(clean.pixels, of_clean)
        self._grams = _variograms(degraded.pixels * self._weights[..., None, None], self._member)

    def variance(self, clean: int | None = None, degraded: int | None = None) -> Tensor:
        """Curves of the variance by value, (3, knots), perhaps without a group of photos."""
        found = self._fit.curve(degraded)
        return found if clean is None else found - self._content.curve(clean) + self._content.curve()

    def variogram(self, clean: int | None = None, degraded: int | None = None) -> Tensor:
        """Variogram of noise divided by its deviation, perhaps without a group of photos."""
        kept = self._member != (-1 if degraded is None else degraded)
        content = _mean(self._clean_grams, clean)
        strength = torch.einsum("nck,ck->nc", self._colours[kept], self._content.curve(clean)).clamp(min=0)
        strength = strength.sqrt() * self._weights[kept] / sill(content).diagonal().clamp(min=LEAST**2).sqrt()
        expected = torch.einsum("ni,nj->ij", strength, strength) / kept.sum()
        return (_mean(self._grams, degraded) - content * expected) / self._scale[kept].mean(0)

    def _noise(self, windows: FlatWindows) -> Tensor:
        return _at(self.unit, windows).clamp(min=LEAST**2)

    def _ratios(self, windows: FlatWindows) -> Ratios:
        content, noise = _at(self._content.curve(), windows), self._noise(windows)
        trust = noise / (noise + content)
        return Ratios((windows.variances - content) / noise, trust.square(), windows.photo)


def _at(curves: Tensor, windows: FlatWindows) -> Tensor:
    return interpolated(curves, windows.colours[..., None, None])[..., 0, 0]


def _variograms(pixels: Tensor, member: Tensor) -> list[tuple[int, Tensor]]:
    """Number and variogram of each group of windows."""
    return [
        (int((member == g).sum()), variogram(pixels[member == g], LAGS)) for g in range(int(member.max()) + 1)
    ]


def _mean(parts: list[tuple[int, Tensor]], without: int | None) -> Tensor:
    kept = [part for g, part in enumerate(parts) if g != without]
    total = torch.stack([count * gram for count, gram in kept]).sum(0)
    return total / sum(count for count, _ in kept)
