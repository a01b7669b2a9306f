"""Images in units of their noise: where the noise of a law is white and of deviation 1, whatever it was."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...noise.variogram import filtered_noise
from ...units import randn

# Power that every frequency has at least, beside a noise of 1: at some a law has none, and nothing could be
# divided by it. For a noise of eleven grey levels it is half a level, not much more than rounding makes.
FLOOR = 0.05**2


class NoiseUnits(NamedTuple):
    """The noise of a law at the colours of a condition, and the map that makes it white. Images are seen as
    their difference to a centre.

    The noise is ``n = D (T w + floor v)`` with the law's deviation D at every pixel, its colour filter T, and
    white w and v. So ``S_n = D (T T^T + floor^2) D``, and the map is ``e -> L^-1 e / D``, the root L taken at
    every frequency. That is exact for any D, and for a noise that goes on periodically beyond the border.

    >>> grey, tenth = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.1)
    >>> units = NoiseUnits(grey, tenth, torch.eye(3)[..., None, None])
    >>> values, log_det = units.of(grey + tenth)
    >>> round(values.mean().item(), 2), round(log_det.item() / 192, 2)
    (1.0, 2.3)

    Attributes:
        centre: (B, 3, H, W).
        deviation: D, (B, 3, H, W), positive.
        taps: T, (3, 3, k, k), k odd.
    """

    centre: Tensor
    deviation: Tensor
    taps: Tensor

    def of(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) in these units, with the log-determinant of the map, (B,) in nats."""
        root = self._root()
        white = _filtered((image - self.centre) / self.deviation, torch.linalg.inv(root))
        volume = root.diagonal(dim1=-2, dim2=-1).real.log().sum((0, 2))
        width = self.deviation.shape[-1]
        # half of the frequencies stand for two
        weight = torch.full_like(volume, 2.0)
        weight[0] = 1
        if width % 2 == 0:
            weight[-1] = 1
        return white, -(weight * volume).sum() - self.deviation.log().flatten(1).sum(1)

    def white(self, differences: Tensor) -> Tensor:
        """Differences of images, (B, 3, H, W), in these units."""
        return _filtered(differences / self.deviation, torch.linalg.inv(self._root()))

    def image(self, white: Tensor) -> Tensor:
        """The images that :meth:`of` brings to these."""
        return self.centre + _filtered(white, self._root()) * self.deviation

    def _root(self) -> Tensor:
        """Cholesky factor of the noise's spectrum, (H, W // 2 + 1, 3, 3), complex."""
        height, width = self.deviation.shape[2:]
        side = self.taps.shape[-1]
        rows, columns = (
            (torch.arange(side, device=self.taps.device) - side // 2) % length for length in (height, width)
        )
        places = (rows[:, None] * width + columns).flatten()
        kernel = self.taps.new_zeros(3, 3, height * width).index_add(2, places, self.taps.flatten(2))
        response = torch.fft.rfft2(kernel.view(3, 3, height, width)).permute(2, 3, 0, 1).conj()
        identity = torch.eye(3, dtype=response.dtype, device=response.device)
        return torch.linalg.cholesky(response @ response.mH + FLOOR * identity)


def drawn_noise(deviation: Tensor, taps: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A draw of the noise, shaped like its deviation (B, 3, H, W); at borders it is as it is inside."""
    correlated = filtered_noise(deviation, taps, generator)
    return deviation * (correlated + FLOOR**0.5 * randn(deviation.shape, deviation, generator))


def _filtered(values: Tensor, response: Tensor) -> Tensor:
    waves = torch.einsum("hwij,...jhw->...ihw", response, torch.fft.rfft2(values))
    return torch.fft.irfft2(waves, s=values.shape[-2:])
